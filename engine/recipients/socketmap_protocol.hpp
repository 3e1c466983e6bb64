// Postfix's socketmap protocol, sans I/O (socketmap_table(5)): a question is the netstring "NAME KEY", its
// reply the netstring "OK DATA", "NOTFOUND ", "TEMP REASON", "TIMEOUT REASON" or "PERM REASON".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringmx::recipients {

enum class SocketmapAnswer : std::uint8_t {
    ok,
    not_found,
    temporary,  // TEMP, TIMEOUT
    permanent,  // PERM: the service will not answer this; still no reason to bounce mail
    malformed,  // no reply of the protocol: the connection is of no use any more
};

void append_question(std::string& to, std::string_view map, std::string_view key);

// Takes a connection's octets until a reply is whole. One question at a time: what comes behind the reply, or
// before a question, is malformed.
class SocketmapReply {
 public:
    // True: `answer` and `reason` are good. Further octets are for the next reply, after reset().
    bool feed(std::string_view octets);
    SocketmapAnswer answer() const { return answer_; }
    std::string_view reason() const { return reason_; }  // what stands behind the word, of TEMP and the like
    bool begun() const { return !text_.empty(); }
    void reset();

 private:
    bool finish(SocketmapAnswer answer, std::string_view reason);
    bool parse();

    std::string text_;
    SocketmapAnswer answer_ = SocketmapAnswer::malformed;
    std::string reason_;
};

}  // namespace ringmx::recipients
