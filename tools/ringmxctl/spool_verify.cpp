// `ringmxctl spool verify`: reads everything and checks every checksum; with --acks, looks for every message
// that was acknowledged.
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "acks_check.hpp"
#include "admin/json.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace ringmx::ctl {

namespace {

using storage::spool::Problem;
using storage::spool::VerifyReport;

void append_text(std::string& out, const VerifyReport& report) {
    auto to = std::back_inserter(out);
    for (const Problem& problem : report.problems) {
        fmt::format_to(to, "{} at {}: {}\n", to_string(problem.kind), problem.place.text(), problem.text);
    }
    fmt::format_to(
        to,
        "shards        {}\nsegments      {}\nframes        {}\nmessages      {}\nacknowledged  {}\n"
        "bytes         {}\ntorn ends     {}{}\ncorruptions   {}\n",
        report.shards, report.segments, report.frames, report.messages, report.acknowledged, report.bytes,
        report.torn_ends, report.torn_ends > 0 ? " (writes that a crash cut off; never acknowledged)" : "",
        report.corruptions);
    out += report.clean() ? "good: every message is whole\n"
                          : "CORRUPT: acknowledged data is damaged or missing; the places are listed above\n";
}

void append_text(std::string& out, const AcksReport& report) {
    auto to = std::back_inserter(out);
    for (const std::string& problem : report.problems)
        fmt::format_to(to, "{}\n", problem);
    fmt::format_to(to,
                   "acks          {}\nfound         {}\nmissing       {}\ndifferent     {}\n"
                   "beyond acks   {}{}\n",
                   report.acks, report.found, report.missing, report.different, report.beyond,
                   report.beyond > 0 ? " (in the spool, and not in the file)" : "");
    out += report.good()
               ? "good: every acknowledged message is there, with its content\n"
               : "LOST: what was acknowledged is missing or different; messages that a consumer has "
                 "acknowledged may be gone by right\n";
}

void append_json(admin::JsonWriter& json, const AcksReport& report) {
    json.begin_object("acks");
    json.boolean("good", report.good());
    json.number("acks", report.acks);
    json.number("found", report.found);
    json.number("missing", report.missing);
    json.number("different", report.different);
    json.number("beyond", report.beyond);
    json.begin_array("problems");
    for (const std::string& problem : report.problems)
        json.element(problem);
    json.end_array();
    json.end_object();
}

void append_json(std::string& out, const VerifyReport& report, const std::optional<AcksReport>& acks) {
    admin::JsonWriter json(out);
    json.begin_object();
    json.boolean("good", report.clean());
    json.number("shards", report.shards);
    json.number("segments", report.segments);
    json.number("frames", report.frames);
    json.number("messages", report.messages);
    json.number("acknowledged", report.acknowledged);
    json.number("bytes", report.bytes);
    json.number("torn_ends", report.torn_ends);
    json.number("corruptions", report.corruptions);
    json.begin_array("problems");
    for (const Problem& problem : report.problems) {
        json.begin_object();
        json.text("kind", to_string(problem.kind));
        json.text("place", problem.place.text());
        json.number("bytes", problem.bytes);
        json.text("text", problem.text);
        json.end_object();
    }
    json.end_array();
    if (acks) append_json(json, *acks);
    json.end_object();
    out += '\n';
}

// Reads the mail data of every message, acknowledged by consumers or not.
Result<AcksReport> compare(storage::spool::SpoolReader& reader, const std::string& path) {
    auto check = AcksCheck::read(path);
    if (!check) return check.error();
    reader.rewind();
    for (;;) {
        const auto message = reader.next();
        if (!message) return message.error();
        if (!*message) return check->report();
        Sha256 hash;
        const Status read = reader.read(**message, storage::spool::Section::body, [&hash](Bytes bytes) {
            hash.add(bytes);
            return true;
        });
        // A damaged one is not found, and verify has named its place.
        if (read.ok()) check->message((*message)->id, hash.finish(), (*message)->body_bytes);
    }
}

}  // namespace

ExitCode verify(const VerifyOptions& options) {
    const OpenedSpool spool = open_spool(options.location, {.acknowledged = true, .once = true});
    if (!spool.reader) return spool.code;
    const auto report = spool.reader->verify();
    if (!report) {
        complain(report.error().message);
        return ExitCode::failed;
    }
    std::optional<AcksReport> acks;
    if (!options.acks.empty()) {
        auto compared = compare(*spool.reader, options.acks);
        if (!compared) {
            complain(compared.error().message);
            return ExitCode::failed;
        }
        acks = std::move(*compared);
    }
    std::string text;
    if (options.json) {
        append_json(text, *report, acks);
    } else {
        append_text(text, *report);
        if (acks) append_text(text, *acks);
    }
    Output out(STDOUT_FILENO, "standard output");
    out.write(text);
    if (!out.flush()) {
        complain(out.status().error().message);
        return ExitCode::failed;
    }
    return report->clean() && (!acks || acks->good()) ? ExitCode::ok : ExitCode::corruption;
}

}  // namespace ringmx::ctl
