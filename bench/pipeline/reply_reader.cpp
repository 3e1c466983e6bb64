#include "reply_reader.hpp"

#include <algorithm>

namespace ringmx::bench {

bool ReplyReader::next(std::string_view& octets) {
    while (!octets.empty()) {
        if (line_complete_) line_.clear();
        const std::size_t end = octets.find('\n');
        line_complete_ = end != std::string_view::npos;
        const std::size_t taken = line_complete_ ? end + 1 : octets.size();
        line_.append(octets.substr(0, taken));
        octets.remove_prefix(taken);
        const bool continued = line_.size() > 3 && line_[3] == '-';
        if (line_complete_ && !continued) return true;
    }
    return false;
}

}  // namespace ringmx::bench
