// Fuzzes whole sessions: an input is a list of steps, each a command line from a table, raw octets, or a
// chunk whose BDAT line is right, so that deep states are reached; a first few octets choose options, the
// manner of the handler and the splits. Whatever the input: any split, later answers and scarce room give the
// same replies, stored octets and events as one piece with everything at once; on_abort comes exactly once
// per open transaction; replies are lines of at most 512 octets. Behind a STARTTLS the octet 0x16, with which
// a handshake begins, stands for all of it; any other is plaintext, and nothing comes of it but the end.
#include "smtp/session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::smtp;

// A random number generator that needs no state beyond its seed: splits come from it.
struct Random {
    std::uint64_t state;
    std::uint32_t next(std::uint32_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state >> 33) % below;
    }
};

struct Manner {
    std::uint64_t split_seed = 0;  // 0: in one piece
    bool later = false;
    bool scarce = false;
};

class Host final : public Handler {
 public:
    Host(const SessionOptions& options, BareNewline mode, TlsUse tls, std::uint8_t policy, Manner manner)
        : manner_(manner), policy_(policy), random_{manner.split_seed}, session_(options, *this, mode, tls) {
        if ((policy & 8) != 0) session_.allow_xclient();
    }

    void talk(std::string_view input) {
        session_.start();
        settle();
        while (!input.empty() && session_.waiting() != Waiting::closed) {
            const std::size_t piece =
                manner_.split_seed == 0 ? input.size() : 1 + random_.next(1u << (1 + random_.next(8)));
            held_ += input.substr(0, std::min(piece, input.size()));
            input.remove_prefix(std::min(piece, input.size()));
            feed();
        }
        outcome += session_.waiting() == Waiting::closed ? "closed" : "open";
        session_.on_disconnect();
        RMX_ASSERT(!open_);
    }

    MutableBytes reply_room(std::size_t octets) override {
        if (manner_.scarce && (refuse_ = !refuse_)) return {};
        reply_.resize(octets);
        return {reinterpret_cast<std::byte*>(reply_.data()), reply_.size()};
    }
    void reply_written(std::size_t octets) override {
        const std::string_view reply(reply_.data(), octets);
        std::size_t begin = 0;
        while (begin < reply.size()) {
            const std::size_t end = reply.find("\r\n", begin);
            RMX_ASSERT(end != std::string_view::npos && end + 2 - begin <= limits::reply_line_octets_max);
            begin = end + 2;
        }
        outcome += reply;
    }
    MutableBytes body_room() override {
        RMX_ASSERT(open_);
        if (manner_.scarce && (refuse_ = !refuse_)) return {};
        body_.resize(manner_.scarce ? 2 + random_.next(70) : 512);
        return {reinterpret_cast<std::byte*>(body_.data()), body_.size()};
    }
    std::uint32_t body_crc() override { return crc_; }
    void body_written(std::size_t octets, std::uint32_t crc) override {
        RMX_ASSERT(octets <= body_.size());
        crc_ = crc;
        message_.append(body_, 0, octets);
    }
    Decision on_connect() override { return ask("connect", 0); }
    Decision on_hello(const Hello& hello) override { return ask("hello", hello.name.size()); }
    Decision on_starttls() override { return ask("starttls", 0); }
    Decision on_xclient(const XclientCommand& command) override {
        RMX_ASSERT(!open_);
        for (const XclientText* text : {&command.name, &command.helo, &command.login})
            RMX_ASSERT(text->given == XclientText::Given::no || text->octets > 0);
        session_.treat(command.port == 1 ? BareNewline::reject : BareNewline::normalize, session_.tls());
        return ask("xclient", command.helo.octets);
    }
    Decision on_mail(const MailCommand& command) override {
        return ask("mail", command.reverse_path.address.size());
    }
    Decision on_rcpt(const RcptCommand& command) override {
        return ask("rcpt", command.forward_path.address.size());
    }
    Decision on_data(DataKind) override { return ask("data", 0); }
    Decision on_end_of_data(const DataFacts& facts) override {
        RMX_ASSERT(facts.octets == message_.size());
        RMX_ASSERT(scan::crc32c(0, as_bytes(message_)) == crc_);
        return ask("end", 0);
    }
    void on_abort() override {
        RMX_ASSERT(open_);
        open_ = false;
        outcome += "[abort]";
    }
    void on_violation(std::string_view rule, const Reply&) override {
        outcome += "[" + std::string(rule) + "]";
    }

    std::string outcome;

 private:
    void feed() {
        for (;;) {
            settle();
            if (session_.waiting() == Waiting::closed || held_.empty()) return;
            if (session_.wants_handshake()) {
                RMX_ASSERT(!open_);
                if (held_[0] == kHandshake) {
                    held_.erase(0, 1);
                    session_.on_tls();
                    outcome += "[tls]";
                    continue;
                }
                const std::size_t before = outcome.size();
                RMX_ASSERT(session_.feed(as_bytes(held_)) == held_.size());
                settle();
                RMX_ASSERT(session_.waiting() == Waiting::closed);
                RMX_ASSERT(outcome.substr(before).starts_with("[plaintext-behind-starttls]554 5.5.1 "));
                return;
            }
            std::size_t consumed = 0;
            for (std::size_t end = 0; consumed == 0 && end < held_.size();) {
                end = std::min(held_.find(kHandshake, end + 1), held_.size());
                consumed = feed_first(end);
            }
            if (consumed == 0 && session_.waiting() == Waiting::input) return;
        }
    }
    // Pieces end in front of where a handshake may begin: what it is must not be a matter of splits.
    std::size_t feed_first(std::size_t octets) {
        const auto block = std::make_unique<char[]>(octets);
        std::copy_n(held_.begin(), octets, block.get());
        const std::size_t consumed = session_.feed(as_bytes({block.get(), octets}));
        RMX_ASSERT(consumed <= octets);
        held_.erase(0, consumed);
        return consumed;
    }
    void settle() {
        for (;;) {
            if (session_.waiting() == Waiting::room) {
                session_.resume();
            } else if (session_.waiting() == Waiting::decision) {
                session_.on_decision(decide());
            } else {
                return;
            }
        }
    }
    Decision ask(std::string_view where, std::size_t length) {
        outcome += "[" + std::string(where) + std::to_string(length) + "]";
        where_ = where;
        ++asked_;
        return manner_.later ? Decision::later() : decide();
    }
    // The same for every manner: it depends on the number of the question only.
    Decision decide() {
        const std::uint32_t die = Random{policy_ * 1000u + asked_}.next(64);
        Decision decision = Decision::accept();
        if (policy_ != 0 && die < 6) decision = Decision::reject({550, {5, 7, 1}, "no"});
        if (policy_ != 0 && die == 6) decision = Decision::disconnect({554, {5, 7, 1}, "never"});
        const bool accepted = decision.kind == Decision::Kind::accept;
        if (where_ == "mail") open_ = accepted;
        if (where_ == "data") {
            message_.clear();
            crc_ = 0;
        }
        if (where_ == "end") {
            open_ = false;
            if (accepted) outcome += "{" + message_ + "}";
        }
        return decision;
    }

    static constexpr char kHandshake = 0x16;

    Manner manner_;
    std::uint8_t policy_;
    Random random_;
    std::string held_;
    std::string reply_;
    std::string body_;
    std::string message_;
    std::string_view where_;
    std::uint32_t crc_ = 0;
    std::uint32_t asked_ = 0;
    bool open_ = false;
    bool refuse_ = false;
    Session session_;
};

constexpr std::string_view kLines[] = {
    "EHLO c.test\r\n",
    "HELO c.test\r\n",
    "MAIL FROM:<a@b.test>\r\n",
    "MAIL FROM:<> SIZE=40\r\n",
    "MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n",
    "MAIL FROM:<a@b.test> SMTPUTF8 RET=FULL ENVID=x\r\n",
    "RCPT TO:<c@d.test>\r\n",
    "RCPT TO:<postmaster> NOTIFY=NEVER\r\n",
    "DATA\r\n",
    "\r\n.\r\n",
    ".\r\n",
    "..\r\n",
    "\n.\n",
    "\r.\r",
    "\r\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "QUIT\r\n",
    "VRFY x\r\n",
    "BDAT 0 LAST\r\n",
    "BDAT 3\r\n",
    "Received: x\r\n",
    "\r\n",
    "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n",
    "STARTTLS\r\n",
    "EHLO c.test\r\nSTARTTLS\r\n\x16",
    "MAIL FROM:<a@b.test> REQUIRETLS\r\n",
    "XCLIENT NAME=c.test ADDR=192.0.2.1 PORT=1 HELO=a+2Bb\r\n",
    "XCLIENT ADDR=IPV6:2001:db8::1 PROTO=ESMTP LOGIN=[UNAVAILABLE]\r\n",
};
constexpr std::size_t kLineCount = sizeof kLines / sizeof kLines[0];

// Steps: an octet below kLineCount is a line of the table; 0xF0..0xFF n: the next n octets as a chunk with
// its BDAT line, LAST if odd; 0xE0: 600 octets of one line; anything else is itself.
std::string client_octets(const std::uint8_t* data, std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] < kLineCount) {
            out += kLines[data[i]];
        } else if (data[i] >= 0xF0 && i + 1 < size) {
            const bool last = (data[i] & 1) != 0;
            const std::size_t octets = std::min<std::size_t>(data[i + 1], size - i - 2);
            out += "BDAT " + std::to_string(octets) + (last ? " LAST\r\n" : "\r\n");
            out.append(reinterpret_cast<const char*>(data + i + 2), octets);
            i += 1 + octets;
        } else if (data[i] == 0xE0) {
            out.append(600, 'x');
        } else {
            out += static_cast<char>(data[i]);
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t head = 4;
    if (size < head) return 0;
    SessionOptions options;
    options.hostname = "mx.test";
    options.command_line_octets_max = 512;
    options.message_octets_max = (data[0] & 1) != 0 ? 50 : 0;
    options.oversize_drain_factor = data[0] >> 1 & 3;
    options.errors_max = data[0] >> 3 & 15;
    options.recipients_max = 3;
    options.recipients_refused_max = 2;
    options.received_headers_max = 1;
    options.messages_max = (data[1] & 4) != 0 ? 2 : 0;
    options.commands_max = (data[1] & 8) != 0 ? 10 : 0;
    const auto mode = static_cast<BareNewline>(data[1] % 3);
    const std::uint8_t policy = data[2] & 15;
    const auto tls = static_cast<TlsUse>(data[2] >> 4 & 3);
    options.requiretls = (data[2] & 0x40) != 0;
    const std::string input = client_octets(data + head, size - head);

    Host whole(options, mode, tls, policy, {});
    whole.talk(input);
    for (std::uint32_t way = 1; way < 4; ++way) {
        Host other(options, mode, tls, policy, {data[3] * 4u + way, (way & 1) != 0, (way & 2) != 0});
        other.talk(input);
        RMX_ASSERT(other.outcome == whole.outcome);
    }
    return 0;
}
