// `ringmxctl spool verify --acks FILE`: is everything in the spool that its clients were told is kept? The
// file is what `ringmx-load --acks` writes (ack_line.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/message_id.hpp"
#include "base/result.hpp"
#include "digest/sha256.hpp"

namespace ringmx::ctl {

struct AcksReport {
    std::uint64_t acks = 0;       // lines of the file
    std::uint64_t found = 0;      // of these, in the spool with the same content
    std::uint64_t different = 0;  // the id is there, its content is another
    std::uint64_t missing = 0;
    std::uint64_t beyond =
        0;  // messages in the spool that the file does not name: stored, and the 250 was lost
    std::vector<std::string> problems;  // the first kProblemsMax, a sentence each
    static constexpr std::size_t kProblemsMax = 100;

    bool good() const { return different == 0 && missing == 0; }
};

class AcksCheck {
 public:
    // An Error names the first line that is none; a last line without its end is one that a crash cut off,
    // and does not count.
    static Result<AcksCheck> read(const std::string& path);
    static Result<AcksCheck> parse(std::string_view text);

    // A message of the spool: the hash and length of its mail data. Once for each.
    void message(const MessageId& id, const Sha256::Digest& digest, std::uint64_t octets);
    // After all messages.
    AcksReport report() const;

 private:
    struct Ack {
        MessageId id;  // zero: the server named none, and the content must do
        std::string sha256;
        std::uint64_t octets = 0;
        enum class State : std::uint8_t { missing, found, different } state = State::missing;
        auto key() const { return std::tie(id, sha256); }
    };
    std::vector<Ack> acks_;  // by id, then content
    std::uint64_t beyond_ = 0;
};

}  // namespace ringmx::ctl
