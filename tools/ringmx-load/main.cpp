// ringmx-load: the load generator. This file reads the command line.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.hpp"
#include "options.hpp"
#include "sink/sink.hpp"

namespace {

using ringmx::Result;
using ringmx::load::Arrivals;
using ringmx::load::ExitCode;
using ringmx::load::Kind;
using ringmx::load::Mode;
using ringmx::load::Options;
using ringmx::load::Tls;

constexpr std::uint64_t kMessagesDefault = 10000;  // without --messages and --duration

constexpr const char* kFooter =
    "\nExamples:\n"
    "  ringmx-load 127.0.0.1:2525                                     # 10,000 messages over 50 connections\n"
    "  ringmx-load 127.0.0.1:2525 --mode pipelined --duration 30s --warmup 5s --report load.html\n"
    "  ringmx-load 127.0.0.1:2525 --rate 5000 --duration 60s          # open loop\n"
    "  ringmx-load 127.0.0.1:2525 --messages 1000 --slow 10% --resetting 5%\n"
    "  ringmx-load 127.0.0.1:2525 --tls starttls --tls-resume --per-connection 10\n"
    "  ringmx-load sink --listen 127.0.0.1:2600                       # a server that does next to nothing\n"
    "\nExit status: 0 every message got its 250; 2 some did not; 1 no run, or it was given up; 64 usage.";

// What CLI11 hands over as text and options.hpp parses.
struct Texts {
    std::string target;
    std::string mode = "single";
    std::string arrivals = "poisson";
    std::string tls = "off";
    std::string duration = "0";
    std::string warmup = "0";
    std::string ramp = "0";
    std::string drain = "10s";
    std::string timeout = "60s";
    std::string bdat_chunk = "0";
    std::string slow_rate = "100";
    std::string own_host;
    std::string share[ringmx::load::kKinds];
    std::uint64_t messages_each = 0;
    std::uint32_t recipients = 0;
};

void add_work(CLI::App& app, Options& options, Texts& texts) {
    const char* const group = "The work";
    app.add_option(
           "--mode", texts.mode,
           "single: one command at a time; pipelined: MAIL, RCPT and DATA in one write (RFC 2920); bdat: "
           "the whole message in one write (RFC 3030)")
        ->check(CLI::IsMember({"single", "pipelined", "bdat"}))
        ->capture_default_str()
        ->group(group);
    app.add_option("-c,--connections", options.connections, "Connections")
        ->check(CLI::Range(1u, 1000000u))
        ->capture_default_str()
        ->group(group);
    auto* const messages = app.add_option("-m,--messages", options.messages, "Messages in all")
                               ->check(CLI::PositiveNumber)
                               ->group(group);
    app.add_option("--messages-each", texts.messages_each, "Messages in all, as so many for each connection")
        ->check(CLI::PositiveNumber)
        ->excludes(messages)
        ->group(group);
    app.add_option("-d,--duration", texts.duration,
                   "How long to measure: 30s, 5m; 0: until all messages are sent")
        ->capture_default_str()
        ->group(group);
    app.add_option("--rate", options.rate,
                   "Open loop: so many messages a second are due, whatever the server does; without it, each "
                   "connection sends its next message when the last is answered")
        ->check(CLI::PositiveNumber)
        ->group(group);
    app.add_option("--arrivals", texts.arrivals,
                   "When they are due: poisson (as independent senders do) or even")
        ->check(CLI::IsMember({"poisson", "even"}))
        ->capture_default_str()
        ->group(group);
    app.add_option("--warmup", texts.warmup, "Time before the measured window")
        ->capture_default_str()
        ->group(group);
    app.add_option("--ramp", texts.ramp,
                   "Time before the warm-up in which connections are opened one by one, or the rate grows")
        ->capture_default_str()
        ->group(group);
    app.add_option("--drain", texts.drain, "How long to wait for answers after the duration")
        ->capture_default_str()
        ->group(group);
    app.add_option("--timeout", texts.timeout, "A connection without a reply for so long has failed")
        ->capture_default_str()
        ->group(group);
    app.add_option("--per-connection", options.per_connection,
                   "Messages on a connection before QUIT; 0: no limit")
        ->capture_default_str()
        ->group(group);
    app.add_option("--recipients", texts.recipients, "Recipients of each message [as many as --to]")
        ->check(CLI::Range(1u, 10000u))
        ->group(group);
}

void add_mails(CLI::App& app, Options& options, Texts& texts) {
    const char* const group = "The mails";
    auto* const size =
        app.add_option(
               "-s,--size", options.size,
               "Octets of a mail: 1KiB; by weight 1KiB:70,10KiB:25,1MiB:5; lognormal:MEDIAN:SIGMA[:MAX]")
            ->capture_default_str()
            ->group(group);
    app.add_option("--corpus", options.corpus, "Real mails: a folder, one mail in each file, or an mbox file")
        ->check(CLI::ExistingPath)
        ->excludes(size)
        ->group(group);
    app.add_flag("--unique", options.unique, "Each mail ends with a line that no other has")->group(group);
    app.add_option(
           "--acks", options.acks,
           "Write id, SHA-256 and length of every acknowledged message there, synced; generated mails are "
           "unique then; ringmxctl spool verify --acks compares")
        ->group(group);
    app.add_option("--bdat-chunk", texts.bdat_chunk, "With --mode bdat: octets of a BDAT; 0: the mail in one")
        ->capture_default_str()
        ->group(group);
    app.add_option("--from", options.from, "Reverse-path")->capture_default_str()->group(group);
    app.add_option(
           "--to", options.to,
           "Forward-path, more than once for several; with more --recipients than these, -2, -3... is "
           "added to the local part [recipient@example.com]")
        ->group(group);
    app.add_option("--hello", options.hello, "Our name in EHLO")->capture_default_str()->group(group);
}

void add_clients(CLI::App& app, Options& options, Texts& texts) {
    const char* const group = "The clients";
    app.add_option("--threads", options.threads, "Threads; 0: half of the CPUs, the server needs some, too")
        ->check(CLI::Range(0u, 1024u))
        ->capture_default_str()
        ->group(group);
    app.add_option("--cpus", options.cpus, "Bind the threads to these CPUs, in turn: 1,3")
        ->delimiter(',')
        ->check(CLI::Range(0u, static_cast<unsigned>(CPU_SETSIZE - 1)))
        ->group(group);
    app.add_option("--sources", options.sources, "Source addresses, spread over 127.0.0.0/8")
        ->check(CLI::Range(1u, 1000000u))
        ->capture_default_str()
        ->group(group);
    app.add_option("--congestion", options.congestion,
                   "TCP congestion control of our connections: reno, cubic, bbr [to loopback reno, else the "
                   "system's]")
        ->group(group);
    const auto share = [&](const char* name, Kind kind, const char* help) {
        app.add_option(name, texts.share[static_cast<std::size_t>(kind)], help)->group(group);
    };
    share("--one-shot", Kind::one_shot, "Share of the connections that end after one message: 10%");
    share("--slow", Kind::slow, "Share that write a few octets at a time");
    app.add_option("--slow-rate", texts.slow_rate, "Octets a second of a slow one")
        ->capture_default_str()
        ->group(group);
    share("--stalled", Kind::stalled, "Share that stop in the middle of a mail");
    share("--resetting", Kind::resetting, "Share that reset their connection somewhere in a message");
    share("--half-closing", Kind::half_closing,
          "Share that shut down their side behind the mail, before the 250");
    app.add_option("--batch-wait", options.batch_wait_us,
                   "Wait up to so many µs for more replies to handle at once (kernel 6.12): less CPU for the "
                   "generator, and the wait is in the latencies")
        ->check(CLI::Range(0u, 100000u))
        ->capture_default_str()
        ->group(group);
    app.add_option("--seed", options.seed, "Of everything random")->capture_default_str()->group(group);
}

void add_tls(CLI::App& app, Options& options, Texts& texts) {
    const char* const group = "TLS";
    app.add_option("--tls", texts.tls,
                   "off; starttls: behind EHLO (RFC 3207), then EHLO again; implicit: from the first octet "
                   "(RFC 8314)")
        ->check(CLI::IsMember({"off", "starttls", "implicit"}))
        ->capture_default_str()
        ->group(group);
    app.add_flag("--tls-resume", options.tls_resume,
                 "A connection resumes the session of the one before it in its place; without it, every "
                 "handshake is "
                 "a full one")
        ->group(group);
    app.add_option(
           "--tls-name", options.tls_name,
           "Server name that is asked for (SNI) and, with --tls-ca, must be in the certificate [the host]")
        ->group(group);
    app.add_option("--tls-ca", options.tls_ca,
                   "Verify the server's certificate with those in this PEM file; without it, any will do")
        ->check(CLI::ExistingFile)
        ->group(group);
    const auto version = [&](const char* name, std::string& value, const char* help) {
        app.add_option(name, value, help)->check(CLI::IsMember({"1.2", "1.3"}))->group(group);
    };
    version("--tls-min", options.tls_min, "Lowest version: 1.2, 1.3");
    version("--tls-max", options.tls_max, "Highest version");
}

void add_results(CLI::App& app, Options& options, Texts& texts) {
    const char* const group = "The result";
    app.add_option("--pid", options.pids, "Processes of the server, for its CPU time")->group(group);
    app.add_option("--cgroup", options.cgroup, "Control group of the server (its folder), for its CPU time")
        ->check(CLI::ExistingDirectory)
        ->group(group);
    app.add_option("--json", options.json, "Write everything there, as JSON")->group(group);
    app.add_option("--csv", options.csv, "Write a line for each second there")->group(group);
    app.add_option("--report", options.report, "Write a page with plots there (HTML, self-contained)")
        ->group(group);
    app.add_flag("-q,--quiet", options.quiet, "Print no summary and no progress")->group(group);
    app.add_option("--i-own-this-host", texts.own_host,
                   "Needed for a target that is not loopback: its name or address once more")
        ->group(group);
}

template <typename T, typename Value>
bool take(Result<T> parsed, Value& value) {
    if (parsed) value = static_cast<Value>(*parsed);
    if (!parsed) ringmx::load::complain(parsed.error().message);
    return parsed.ok();
}

bool parse_shares(Options& options, const Texts& texts) {
    double sum = 0;
    for (std::size_t kind = 1; kind < ringmx::load::kKinds; ++kind) {
        if (texts.share[kind].empty()) continue;
        if (!take(ringmx::load::parse_share(texts.share[kind]), options.share[kind])) return false;
        sum += options.share[kind];
    }
    if (sum <= 1) return true;
    ringmx::load::complain("the shares of the clients are more than 100 % together");
    return false;
}

bool parse_texts(Options& options, const Texts& texts) {
    using ringmx::load::parse_duration;
    using ringmx::load::parse_size;
    options.mode = texts.mode == "bdat"        ? Mode::bdat
                   : texts.mode == "pipelined" ? Mode::pipelined
                                               : Mode::single;
    options.arrivals = texts.arrivals == "even" ? Arrivals::even : Arrivals::poisson;
    options.tls = texts.tls == "starttls"   ? Tls::starttls
                  : texts.tls == "implicit" ? Tls::implicit
                                            : Tls::off;
    return take(parse_duration(texts.duration), options.duration_s) &&
           take(parse_duration(texts.warmup), options.warmup_s) &&
           take(parse_duration(texts.ramp), options.ramp_s) &&
           take(parse_duration(texts.drain), options.drain_s) &&
           take(parse_duration(texts.timeout), options.timeout_s) &&
           take(parse_size(texts.bdat_chunk), options.bdat_chunk) &&
           take(parse_size(texts.slow_rate), options.slow_rate) && parse_shares(options, texts) &&
           take(ringmx::load::parse_target(texts.target), options.target);
}

bool complain_if(bool wrong, const char* what) {
    if (wrong) ringmx::load::complain(what);
    return wrong;
}

bool has_congestion_control(const std::string& name) {
    if (name.empty()) return true;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int result =
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size()));
    close(fd);
    return result == 0;
}

bool asks_for_tls(const Options& options) {
    return options.tls_resume || !options.tls_name.empty() || !options.tls_ca.empty() ||
           !options.tls_min.empty() || !options.tls_max.empty();
}

// What one option alone cannot tell.
bool sensible(const Options& options, const Texts& texts) {
    if (!options.target.loopback && texts.own_host != options.target.host) {
        ringmx::load::complain(
            options.target.text +
            " is not a loopback address: load is sent only to a host of your own. If it is, "
            "say so with --i-own-this-host " +
            options.target.host);
        return false;
    }
    return !complain_if(options.timeout_s <= 0, "--timeout must be more than 0") &&
           !complain_if(options.slow_rate < 1, "--slow-rate is at least 1 octet a second") &&
           !complain_if(options.sources > 1 &&
                            (!options.target.loopback || options.target.address.ss_family != AF_INET),
                        "--sources needs an IPv4 loopback target: they are addresses of 127.0.0.0/8") &&
           !complain_if(!has_congestion_control(options.congestion),
                        "this kernel offers no such TCP congestion control; it does offer those in "
                        "/proc/sys/net/ipv4/tcp_allowed_congestion_control") &&
           !complain_if(options.bdat_chunk > 0 && options.mode != Mode::bdat,
                        "--bdat-chunk needs --mode bdat") &&
           !complain_if(options.tls == Tls::off && asks_for_tls(options),
                        "--tls-resume, --tls-name, --tls-ca, --tls-min and --tls-max need --tls starttls or "
                        "implicit") &&
           !complain_if(options.tls_min == "1.3" && options.tls_max == "1.2",
                        "--tls-min is above --tls-max") &&
           !complain_if(options.recipients < options.to.size(),
                        "--to names more recipients than --recipients says a message has") &&
           !complain_if(options.duration_s == 0 && options.warmup_s + options.ramp_s > 0,
                        "--warmup and --ramp need --duration");
}

ExitCode run(Options& options, const Texts& texts, int argc, char** argv) {
    if (texts.target.empty()) {
        ringmx::load::complain("say which server: ringmx-load HOST:PORT (ringmx-load --help)");
        return ExitCode::usage;
    }
    const std::size_t named = std::max<std::size_t>(1, options.to.size());
    options.recipients = texts.recipients > 0 ? texts.recipients : static_cast<std::uint32_t>(named);
    if (!parse_texts(options, texts) || !sensible(options, texts)) return ExitCode::usage;
    // On loopback there is no congestion to control; bbr, say, would hold writes back and cost CPU for its
    // timers.
    if (options.congestion.empty() && options.target.loopback) options.congestion = "reno";
    if (texts.messages_each > 0) options.messages = texts.messages_each * options.connections;
    if (options.messages == 0 && options.duration_s == 0) options.messages = kMessagesDefault;
    std::string command = "ringmx-load";
    for (int i = 1; i < argc; ++i)
        command += std::string(" ") + argv[i];
    return ringmx::load::run_load(std::move(options), command);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Sends mail to an SMTP server as fast, or at the rate, that you say, and measures its answers.",
        "ringmx-load"};
    app.footer(kFooter);
    app.require_subcommand(0, 1);
    Options options;
    Texts texts;
    app.add_option("HOST:PORT", texts.target, "The server: 127.0.0.1:2525, [::1]:25, localhost");
    add_work(app, options, texts);
    add_mails(app, options, texts);
    add_clients(app, options, texts);
    add_tls(app, options, texts);
    add_results(app, options, texts);

    std::string listen = "127.0.0.1:2525";
    std::string durable;
    CLI::App& sink =
        *app.add_subcommand("sink", "Serve and do next to nothing: the floor to compare servers with");
    sink.add_option("--listen", listen, "IPv4 ADDRESS:PORT; port 0: a free one")->capture_default_str();
    sink.add_option("--durable", durable, "Put each body on disk in this file (256 MiB) before its 250");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    if (sink.parsed()) ringmx::floor::serve(listen, durable);
    return static_cast<int>(run(options, texts, argc, argv));
}
