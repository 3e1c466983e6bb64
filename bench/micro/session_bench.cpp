// The SMTP session by itself, with no I/O: whole messages, and single commands. The host accepts everything,
// takes replies into one buffer and mail data into another. Nanoseconds of one thread, warm caches.
//   Message/single/N     MAIL, RCPT, DATA and N octets of mail data, each fed when the last was answered
//   Message/pipelined/N  MAIL, RCPT and DATA fed at once, then the mail data
//   Message/bdat/N       everything fed at once
//   Command/...          one command and its reply; RCPT within one transaction, MAIL with the RSET that ends
//   it
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "mail_text.hpp"
#include "smtp/session.hpp"

namespace {

using namespace ringmx;

class Host final : public smtp::Handler {
 public:
    MutableBytes reply_room(std::size_t) override { return replies_; }
    void reply_written(std::size_t octets) override { replied += octets; }
    MutableBytes body_room() override { return body_; }
    std::uint32_t body_crc() override { return crc_; }
    void body_written(std::size_t, std::uint32_t crc) override { crc_ = crc; }
    Decision on_connect() override { return Decision::accept(); }
    Decision on_hello(const smtp::Hello&) override { return Decision::accept(); }
    Decision on_mail(const smtp::MailCommand&) override { return Decision::accept(); }
    Decision on_rcpt(const smtp::RcptCommand&) override { return Decision::accept(); }
    Decision on_data(smtp::DataKind) override { return Decision::accept(); }
    Decision on_end_of_data(const smtp::DataFacts&) override {
        ++messages;
        return Decision::accept({250, {2, 0, 0}, "stored as 01a21768-5ceb-7000-82db-fc7b1ff48622"});
    }
    void on_abort() override {}
    void on_violation(std::string_view, const Reply&) override { ++violations; }

    std::uint64_t messages = 0;
    std::uint64_t violations = 0;
    std::uint64_t replied = 0;  // octets

 private:
    std::array<std::byte, 4096> replies_;
    std::array<std::byte, 65536> body_;
    std::uint32_t crc_ = 0;
};

smtp::SessionOptions session_options() {
    smtp::SessionOptions options;
    options.hostname = "mx1.example.com";
    options.recipients_max = 0xffffffff;
    return options;
}

struct Dialogue {
    Dialogue() {
        session.start();
        feed("EHLO mail-17.out.example.org\r\n");
    }
    // False: the session left something.
    bool feed(std::string_view octets) {
        while (!octets.empty()) {
            const std::size_t consumed = session.feed(as_bytes(octets));
            if (consumed == 0) return false;
            octets.remove_prefix(consumed);
        }
        return true;
    }

    smtp::SessionOptions options = session_options();
    Host host;
    smtp::Session session{options, host, smtp::BareNewline::normalize};
};

const std::string kMail = "MAIL FROM:<newsletter-bounces+4711@lists.example.org>\r\n";
const std::string kRcpt = "RCPT TO:<jane.doe@example.com>\r\n";

enum class Mode { single, pipelined, bdat };

std::vector<std::string> pieces_of(Mode mode, std::size_t size) {
    const std::string text = micro::lines("", "\r\n", size - 2) + "\r\n";
    switch (mode) {
        case Mode::single:
            return {kMail, kRcpt, "DATA\r\n", text + ".\r\n"};
        case Mode::pipelined:
            return {kMail + kRcpt + "DATA\r\n", text + ".\r\n"};
        case Mode::bdat:
            return {kMail + kRcpt + "BDAT " + std::to_string(size) + " LAST\r\n" + text};
    }
    return {};
}

void message(benchmark::State& state, Mode mode, std::size_t size) {
    const std::vector<std::string> pieces = pieces_of(mode, size);
    Dialogue dialogue;
    bool fed = true;
    for (auto _ : state) {
        for (const std::string& piece : pieces)
            fed = dialogue.feed(piece) && fed;
        benchmark::DoNotOptimize(dialogue.host.replied);
    }
    if (!fed || dialogue.host.violations != 0) state.SkipWithError("the session refused something");
    if (dialogue.host.messages != static_cast<std::uint64_t>(state.iterations()))
        state.SkipWithError("not every message was taken");
}

// `before` once, then `repeated` again and again.
void command(benchmark::State& state, std::string_view before, std::string_view repeated) {
    Dialogue dialogue;
    bool fed = dialogue.feed(before);
    for (auto _ : state) {
        fed = dialogue.feed(repeated) && fed;
        benchmark::DoNotOptimize(dialogue.host.replied);
    }
    if (!fed || dialogue.host.violations != 0) state.SkipWithError("the session refused something");
}

const bool registered = [] {
    for (const std::size_t size : {std::size_t{100}, std::size_t{1024}, std::size_t{10240}}) {
        const std::string octets = "/" + std::to_string(size);
        benchmark::RegisterBenchmark(("Message/single" + octets).c_str(), message, Mode::single, size);
        benchmark::RegisterBenchmark(("Message/pipelined" + octets).c_str(), message, Mode::pipelined, size);
        benchmark::RegisterBenchmark(("Message/bdat" + octets).c_str(), message, Mode::bdat, size);
    }
    benchmark::RegisterBenchmark("Command/NOOP", command, "", "NOOP\r\n");
    benchmark::RegisterBenchmark("Command/RSET", command, "", "RSET\r\n");
    benchmark::RegisterBenchmark("Command/EHLO", command, "", "EHLO mail-17.out.example.org\r\n");
    benchmark::RegisterBenchmark("Command/MAIL+RSET", command, "",
                                 "MAIL FROM:<newsletter-bounces+4711@lists.example.org>\r\nRSET\r\n");
    benchmark::RegisterBenchmark("Command/MAIL_with_parameters+RSET", command, "",
                                 "MAIL FROM:<newsletter-bounces+4711@lists.example.org> SIZE=10240 "
                                 "BODY=8BITMIME RET=HDRS ENVID=QQ314159\r\nRSET\r\n");
    benchmark::RegisterBenchmark("Command/RCPT", command, "MAIL FROM:<>\r\n",
                                 "RCPT TO:<jane.doe@example.com>\r\n");
    benchmark::RegisterBenchmark("Command/RCPT_with_parameters", command, "MAIL FROM:<>\r\n",
                                 "RCPT TO:<jane.doe@example.com> NOTIFY=SUCCESS,FAILURE "
                                 "ORCPT=rfc822;jane.doe@example.com\r\n");
    return true;
}();

}  // namespace
