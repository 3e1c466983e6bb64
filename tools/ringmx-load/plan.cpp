#include "plan.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <random>

#include "mail_files.hpp"
#include "sizes.hpp"

namespace ringmx::load {
namespace {

constexpr std::uint64_t kGeneratedOctetsMin = 64;
constexpr std::size_t kOrderMin = 4096;  // steps of the order: what a weight is rounded to

struct Source {
    std::string mail;
    double weight = 1;
};

// "user@domain" for the first, "user-2@domain" for the second...
std::string numbered(const std::string& address, std::uint32_t number) {
    const std::size_t at = address.rfind('@');
    if (number == 1 || at == std::string::npos) return address;
    return address.substr(0, at) + "-" + std::to_string(number) + address.substr(at);
}

Result<std::vector<Source>> sources_of(const Options& options, bool unique) {
    std::vector<Source> sources;
    if (!options.corpus.empty()) {
        auto mails = read_mails(options.corpus);
        if (!mails) return mails.error();
        for (std::string& mail : *mails)
            sources.push_back({std::move(mail), 1});
        return sources;
    }
    const std::uint64_t tail = unique ? kTailOctets : 0;
    const auto sizes = parse_sizes(options.size, kGeneratedOctetsMin + tail);
    if (!sizes) return sizes.error();
    for (const WeightedSize& size : *sizes)
        sources.push_back({generated_mail(size.octets - tail), size.weight});
    return sources;
}

// The mail data in BDAT commands of at most `chunk` octets (0: one); the last counts `tail` octets more.
std::string in_chunks(std::string_view mail, std::size_t tail, std::size_t chunk, std::uint32_t& pieces) {
    std::string wire;
    pieces = 0;
    for (;;) {
        const bool last = chunk == 0 || mail.size() + tail <= chunk || mail.size() <= chunk;
        const std::size_t taken = last ? mail.size() : chunk;
        wire += "BDAT " + std::to_string(taken + (last ? tail : 0)) + (last ? " LAST\r\n" : "\r\n");
        wire += mail.substr(0, taken);
        mail.remove_prefix(taken);
        ++pieces;
        if (last) return wire;
    }
}

Mail make_mail(const Plan& plan, std::size_t chunk, std::string_view data) {
    Mail mail;
    const std::size_t tail = plan.unique ? kTailOctets : 0;
    mail.octets = data.size() + tail;
    mail.hash.add(data);
    mail.digest = Sha256(mail.hash).finish();
    if (plan.bdat) {
        mail.wire = (plan.pipelined ? plan.envelope : "") + in_chunks(data, tail, chunk, mail.pieces);
    } else {
        mail.wire = dot_stuffed(data);
        if (!plan.unique) mail.wire += kEndOfData;
    }
    return mail;
}

// Every mail once for each part of its weight, shuffled.
std::vector<std::uint32_t> order_of(const std::vector<Source>& sources, std::uint64_t seed) {
    double sum = 0;
    for (const Source& source : sources)
        sum += source.weight;
    const auto steps = static_cast<double>(std::max(kOrderMin, sources.size()));
    std::vector<std::uint32_t> order;
    for (std::uint32_t index = 0; index < sources.size(); ++index) {
        const double share = std::round(sources[index].weight / sum * steps);
        order.insert(order.end(), std::max<std::size_t>(1, static_cast<std::size_t>(share)), index);
    }
    std::mt19937_64 random(seed);
    std::shuffle(order.begin(), order.end(), random);
    return order;
}

void write_commands(Plan& plan, const Options& options) {
    plan.hello = (plan.hello.empty() ? "EHLO " : plan.hello) + options.hello + "\r\n";
    plan.commands.push_back("MAIL FROM:<" + options.from + ">\r\n");
    const std::vector<std::string> to =
        options.to.empty() ? std::vector<std::string>{"recipient@example.com"} : options.to;
    for (std::uint32_t i = 0; i < options.recipients; ++i) {
        const auto given = static_cast<std::uint32_t>(to.size());
        plan.commands.push_back("RCPT TO:<" + numbered(to[i % given], i / given + 1) + ">\r\n");
    }
    if (!plan.bdat) plan.commands.emplace_back("DATA\r\n");
    for (const std::string& command : plan.commands)
        plan.envelope += command;
}

Status settle_mode(Plan& plan, const Options& options, const Capabilities& server) {
    plan.bdat = options.mode == Mode::bdat;
    plan.pipelined = options.mode != Mode::single;
    if (plan.bdat && !server.chunking) {
        return Error{EPROTO, "the server does not offer CHUNKING (RFC 3030): --mode bdat is not possible"};
    }
    if (plan.pipelined && !server.pipelining) {
        plan.pipelined = false;
        plan.remarks.emplace_back(
            plan.bdat
                ? "the server does not offer PIPELINING (RFC 2920): MAIL and RCPT wait for their replies, "
                  "and each message is one BDAT"
                : "the server does not offer PIPELINING (RFC 2920): one command at a time instead");
    }
    if (server.helo) plan.hello = "HELO ";
    return ok_status();
}

}  // namespace

Tail make_tail(std::uint64_t run, std::uint64_t number) {
    static constexpr std::string_view kForm = "ringmx-load 0000000000000000 0000000000000000\r\n.\r\n";
    static_assert(kForm.size() == kTailOctets + kEndOfData.size());
    static constexpr char kDigits[] = "0123456789abcdef";
    Tail tail;
    std::copy(kForm.begin(), kForm.end(), tail.begin());
    for (std::size_t i = 0; i < 16; ++i) {
        tail[27 - i] = kDigits[run >> (4 * i) & 15];
        tail[44 - i] = kDigits[number >> (4 * i) & 15];
    }
    return tail;
}

std::string dot_stuffed(std::string_view mail) {
    std::string wire;
    wire.reserve(mail.size() + 64);
    for (std::size_t at = 0; at < mail.size();) {
        if (mail[at] == '.') wire += '.';
        const std::size_t end = mail.find('\n', at);
        const std::size_t next = end == std::string_view::npos ? mail.size() : end + 1;
        wire.append(mail.substr(at, next - at));
        at = next;
    }
    return wire;
}

std::string generated_mail(std::uint64_t octets) {
    std::string mail = "From: <sender@example.net>\r\nSubject: load\r\n\r\n";
    constexpr std::uint64_t kLineOctets = 78;
    mail.reserve(octets);
    while (mail.size() < octets) {
        const std::uint64_t left = octets - mail.size();
        std::uint64_t line = std::min(left, kLineOctets);
        if (left > line && left - line < 3) line -= 3;  // no rest too short for a line of its own
        mail.append(static_cast<std::size_t>(line - 2), 'x');
        mail += "\r\n";
    }
    return mail;
}

Result<Plan> make_plan(const Options& options, const Capabilities& capabilities) {
    Plan plan;
    plan.recipients = options.recipients;
    plan.unique = options.unique || (!options.acks.empty() && options.corpus.empty());
    if (const Status mode = settle_mode(plan, options, capabilities); !mode) return mode.error();
    write_commands(plan, options);
    const auto sources = sources_of(options, plan.unique);
    if (!sources) return sources.error();
    const std::size_t chunk = plan.pipelined ? options.bdat_chunk : 0;
    std::uint64_t longest = 0;
    for (const Source& source : *sources) {
        plan.mails.push_back(make_mail(plan, chunk, source.mail));
        longest = std::max(longest, plan.mails.back().octets);
    }
    plan.order = order_of(*sources, options.seed);
    if (capabilities.size_max > 0 && longest > capabilities.size_max) {
        plan.remarks.push_back("the longest mail has " + std::to_string(longest) +
                               " octets, the server takes " + std::to_string(capabilities.size_max));
    }
    return plan;
}

}  // namespace ringmx::load
