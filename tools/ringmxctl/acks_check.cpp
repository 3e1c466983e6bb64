#include "acks_check.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <tuple>

#include "ack_line.hpp"

namespace ringmx::ctl {

Result<AcksCheck> AcksCheck::read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return system_error(errno, path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) return Error{EIO, path + ": cannot be read"};
    auto check = parse(text);
    if (!check) return Error{check.error().code, path + ": " + check.error().message};
    return check;
}

Result<AcksCheck> AcksCheck::parse(std::string_view text) {
    AcksCheck check;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) break;
        const auto line = tools::parse_ack_line(text.substr(0, end));
        text.remove_prefix(end + 1);
        if (!line) return Error{EINVAL, "line " + std::to_string(number) + " is not ID SHA256 OCTETS"};
        Ack ack{{}, std::string(line->sha256), line->octets};
        if (line->id != "-") {
            const auto id = MessageId::parse(line->id);
            if (!id) return Error{EINVAL, "line " + std::to_string(number) + ": not a message id of ringmx"};
            ack.id = *id;
        }
        check.acks_.push_back(std::move(ack));
    }
    std::sort(check.acks_.begin(), check.acks_.end(),
              [](const Ack& a, const Ack& b) { return a.key() < b.key(); });
    return check;
}

void AcksCheck::message(const MessageId& id, const Sha256::Digest& digest, std::uint64_t octets) {
    const std::string sha256 = to_hex(digest);
    const auto by_id =
        std::lower_bound(acks_.begin(), acks_.end(), id,
                         [](const Ack& ack, const MessageId& wanted) { return ack.id < wanted; });
    if (by_id != acks_.end() && by_id->id == id) {
        const bool same = by_id->sha256 == sha256 && by_id->octets == octets;
        by_id->state = same ? Ack::State::found : Ack::State::different;
        return;
    }
    // Lines without an id come first: each stands for one message of its content.
    const Ack wanted{{}, sha256, octets};
    auto at = std::lower_bound(acks_.begin(), acks_.end(), wanted,
                               [](const Ack& a, const Ack& b) { return a.key() < b.key(); });
    while (at != acks_.end() && at->key() == wanted.key() && at->state == Ack::State::found)
        ++at;
    if (at != acks_.end() && at->key() == wanted.key() && at->octets == octets) {
        at->state = Ack::State::found;
    } else {
        ++beyond_;
    }
}

AcksReport AcksCheck::report() const {
    AcksReport report;
    report.acks = acks_.size();
    report.beyond = beyond_;
    for (const Ack& ack : acks_) {
        if (ack.state == Ack::State::found) {
            ++report.found;
            continue;
        }
        const bool missing = ack.state == Ack::State::missing;
        ++(missing ? report.missing : report.different);
        if (report.problems.size() >= AcksReport::kProblemsMax) continue;
        const std::string name = ack.id == MessageId{} ? "a message with SHA-256 " + ack.sha256
                                                       : std::string(as_text(ack.id.text()));
        report.problems.push_back(name + (missing ? " was acknowledged and is not in the spool"
                                                  : " has another content than the one acknowledged"));
    }
    return report;
}

}  // namespace ringmx::ctl
