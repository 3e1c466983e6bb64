// Clients that do not wait for replies, and clients that speak something else. What comes of input depends
// here on how it is cut, so that dialogues cannot show it; legal pipelines are held to every cut.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "smtp/other_protocol.hpp"
#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

class Host final : public Handler {
 public:
    MutableBytes reply_room(std::size_t octets) override {
        buffer_.assign(octets, '\0');
        return {reinterpret_cast<std::byte*>(buffer_.data()), buffer_.size()};
    }
    void reply_written(std::size_t octets) override { replies.append(buffer_, 0, octets); }
    MutableBytes body_room() override { return {reinterpret_cast<std::byte*>(body_), sizeof body_}; }
    std::uint32_t body_crc() override { return 0; }
    void body_written(std::size_t, std::uint32_t) override {}
    Decision on_connect() override { return Decision::accept(); }
    Decision on_hello(const Hello&) override { return Decision::accept(); }
    Decision on_mail(const MailCommand&) override { return Decision::accept(); }
    Decision on_rcpt(const RcptCommand&) override { return Decision::accept(); }
    Decision on_data(DataKind) override { return Decision::accept(); }
    Decision on_end_of_data(const DataFacts&) override {
        ++messages;
        return Decision::accept();
    }
    Decision on_starttls() override { return Decision::accept(); }
    void on_abort() override {}
    void on_violation(std::string_view rule, const Reply& reply) override {
        violations.emplace_back(rule);
        codes.push_back(reply.code);
    }
    void on_other_protocol(std::string_view protocol) override { other = protocol; }

    int messages = 0;
    std::string replies;
    std::string other;
    std::vector<std::string> violations;
    std::vector<int> codes;

 private:
    std::string buffer_;
    char body_[64];
};

struct Talk {
    explicit Talk(Pipelining pipelining = Pipelining::refuse, bool drop = true, TlsUse tls = TlsUse::offered)
        : session(options, host, BareNewline::normalize, tls) {
        session.watch(pipelining, drop);
        session.start();
    }
    void say(std::string_view text) {
        held += text;
        while (session.waiting() == Waiting::input && !held.empty()) {
            const std::size_t consumed = session.feed(as_bytes(held));
            held.erase(0, consumed);
            if (consumed == 0) break;
        }
    }
    bool closed() const { return session.waiting() == Waiting::closed; }
    // The code of the last reply.
    int last() const {
        const std::size_t begin =
            host.replies.size() < 3 ? 0 : host.replies.rfind('\n', host.replies.size() - 2) + 1;
        return std::stoi(host.replies.substr(begin, 3));
    }

    SessionOptions options;
    Host host;
    std::string held;
    Session session;
};

const std::string kEhlo = "EHLO c.test\r\n";
const std::string kEnvelope = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";

}  // namespace

TEST(IllegalPipelining, InputBehindACommandThatHasToBeLastEndsTheSession) {
    for (const std::string command :
         {"NOOP", "VRFY user", "EXPN list", "EHLO c.test", "HELO c.test", "QUIT"}) {
        Talk talk;
        talk.say(kEhlo);
        talk.say(command + "\r\nRSET\r\n");
        EXPECT_TRUE(talk.closed()) << command;
        EXPECT_EQ(talk.last(), 554) << command;
        EXPECT_EQ(talk.host.violations, std::vector<std::string>{"illegal-pipelining"}) << command;
    }
    Talk talk;
    talk.say(kEhlo);
    talk.say(kEnvelope + "DATA\r\nSubject: not waited\r\n\r\n.\r\n");
    EXPECT_TRUE(talk.closed());
    EXPECT_EQ(talk.last(), 554);
    EXPECT_EQ(talk.host.messages, 0);
    EXPECT_NE(talk.host.replies.find("554 5.5.0 "), std::string::npos);
}

TEST(IllegalPipelining, NothingIsPipelinedBeforeEhloHasAllowedIt) {
    for (const std::string& input :
         {kEhlo + kEnvelope, std::string("HELO c.test\r\nMAIL FROM:<a@b.test>\r\n"),
          std::string("RSET\r\nQUIT\r\n")}) {
        Talk talk;
        talk.say(input);
        EXPECT_TRUE(talk.closed()) << input;
        EXPECT_EQ(talk.last(), 554) << input;
    }
    Talk helo;
    helo.say("HELO c.test\r\n");
    helo.say("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");
    EXPECT_TRUE(helo.closed()) << "HELO announces no PIPELINING";
    Talk tls;
    tls.say(kEhlo);
    tls.say("STARTTLS\r\n");
    tls.session.on_tls();
    tls.say(kEnvelope);
    EXPECT_TRUE(tls.closed()) << "under TLS it has to be announced again";
}

TEST(IllegalPipelining, LegalPipelinesAreNeverHitHoweverTheyAreCut) {
    const std::string octets = "Subject: s\r\n\r\ntext\r\n";
    const std::string chunk = "BDAT " + std::to_string(octets.size()) + " LAST\r\n" + octets;
    // Each of these may be sent at once (RFC 2920 §3.1, RFC 3030 §4.2).
    const std::vector<std::vector<std::string>> sessions = {
        {kEhlo, kEnvelope + "DATA\r\n", octets + ".\r\n" + kEnvelope + "DATA\r\n", octets + ".\r\nQUIT\r\n"},
        {kEhlo, "RSET\r\n" + kEnvelope + chunk + kEnvelope + chunk + "QUIT\r\n"},
        {kEhlo, "RSET\r\nNOOP\r\n", "HELP\r\n" + kEnvelope + "RSET\r\nVRFY user\r\n", "QUIT\r\n"},
        {"HELO c.test\r\n", "MAIL FROM:<a@b.test>\r\n", "RCPT TO:<c@d.test>\r\n", "DATA\r\n",
         octets + ".\r\n", "QUIT\r\n"},
    };
    for (const auto& groups : sessions) {
        std::size_t longest = 0;
        for (const std::string& group : groups)
            longest = std::max(longest, group.size());
        for (std::size_t cut = 1; cut <= longest; ++cut) {
            Talk talk;
            for (const std::string& group : groups) {
                for (std::size_t at = 0; at < group.size(); at += cut)
                    talk.say(std::string_view(group).substr(at, cut));
            }
            EXPECT_TRUE(talk.session.quit()) << cut;
            EXPECT_EQ(talk.last(), 221) << cut;
            EXPECT_TRUE(talk.host.violations.empty()) << cut;
        }
    }
}

TEST(IllegalPipelining, IsReportedOnceWhereItIsAllowed) {
    Talk talk(Pipelining::report);
    talk.say(kEhlo + kEnvelope + "DATA\r\nx\r\n.\r\nQUIT\r\n");
    EXPECT_TRUE(talk.session.quit());
    EXPECT_EQ(talk.host.messages, 1);
    EXPECT_EQ(talk.host.violations, std::vector<std::string>{"illegal-pipelining"});
    EXPECT_EQ(talk.host.codes, std::vector<int>{0});
    Talk any(Pipelining::any);
    any.say(kEhlo + kEnvelope + "DATA\r\nx\r\n.\r\nQUIT\r\n");
    EXPECT_TRUE(any.session.quit());
    EXPECT_TRUE(any.host.violations.empty());
}

TEST(OtherProtocol, IsKnownByItsFirstOctets) {
    for (const std::string start : {"GET / HTTP/1.1", "POST /x", "CONNECT a:25", "PRI * HTTP/2.0", "HEAD /"})
        EXPECT_EQ(other_protocol(as_bytes(start)), "http") << start;
    EXPECT_EQ(other_protocol(as_bytes("SSH-2.0-x")), "ssh");
    EXPECT_EQ(other_protocol(as_bytes("\x16\x03\x01\x02")), "tls");
    for (const std::string start :
         {"EHLO x", "GETX", "get / http/1.1", "", "G", "SSH", "\x16", "HELP", "\x16z"})
        EXPECT_EQ(other_protocol(as_bytes(start)), "") << start;
}

TEST(OtherProtocol, EndsTheSessionWithoutAWord) {
    for (const std::string start :
         {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n", "\x16\x03\x01\x02\x00\x01"}) {
        for (std::size_t cut = 1; cut <= start.size(); ++cut) {
            Talk talk;
            const std::string banner = talk.host.replies;
            for (std::size_t at = 0; at < start.size() && !talk.closed(); at += cut)
                talk.say(std::string_view(start).substr(at, cut));
            EXPECT_TRUE(talk.closed()) << start << " by " << cut;
            EXPECT_EQ(talk.host.replies, banner);
            EXPECT_FALSE(talk.host.other.empty());
            EXPECT_TRUE(talk.host.violations.empty());
        }
    }
}

TEST(OtherProtocol, IsLookedForInTheFirstLineOnlyAndOnlyIfWanted) {
    Talk talk;
    talk.say(kEhlo);
    talk.say("GET / HTTP/1.1\r\n");
    EXPECT_EQ(talk.last(), 500);
    Talk off(Pipelining::refuse, false);
    off.say("GET / HTTP/1.1\r\n");
    EXPECT_EQ(off.last(), 500);
    EXPECT_FALSE(off.closed());
}

}  // namespace ringmx::smtp
