#include "lmtp/outgoing.hpp"

#include <algorithm>

namespace ringmx::lmtp {

void Outgoing::add(Content content) {
    content_ = content;
    window_.clear();
    window_at_ = 0;
    content_done_ = false;
    refill();
}

// Afterwards the window has a piece, or the content is done.
void Outgoing::refill() {
    if (content_done_ || window_at_ < window_.size()) return;
    window_.clear();
    window_at_ = 0;
    while (window_.size() < window_pieces_max) {
        const std::string_view piece = content_.next();
        if (piece.empty()) break;
        window_.push_back(piece);
    }
    content_done_ = window_.empty();
}

std::size_t Outgoing::gather(std::span<iovec> room) {
    std::size_t count = 0;
    if (!text_.empty() && count < room.size()) room[count++] = {text_.data(), text_.size()};
    for (std::size_t at = window_at_; at < window_.size() && count < room.size(); ++at)
        room[count++] = {const_cast<char*>(window_[at].data()), window_[at].size()};
    return count;
}

void Outgoing::sent(std::size_t octets) {
    const std::size_t of_text = std::min(octets, text_.size());
    text_.erase(0, of_text);
    octets -= of_text;
    while (octets > 0 && window_at_ < window_.size()) {
        std::string_view& piece = window_[window_at_];
        const std::size_t of_piece = std::min(octets, piece.size());
        piece.remove_prefix(of_piece);
        octets -= of_piece;
        if (piece.empty()) ++window_at_;
    }
    refill();
}

}  // namespace ringmx::lmtp
