// `ringmxctl spool verify`: reads everything and checks every checksum.
#include <fmt/format.h>
#include <unistd.h>

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

void append_json(std::string& out, const VerifyReport& report) {
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
    json.end_object();
    out += '\n';
}

}  // namespace

ExitCode verify(const VerifyOptions& options) {
    const OpenedSpool spool = open_spool(options.location, true);
    if (!spool.reader) return spool.code;
    const auto report = spool.reader->verify();
    if (!report) {
        complain(report.error().message);
        return ExitCode::failed;
    }
    std::string text;
    options.json ? append_json(text, *report) : append_text(text, *report);
    Output out(STDOUT_FILENO, "standard output");
    out.write(text);
    if (!out.flush()) {
        complain(out.status().error().message);
        return ExitCode::failed;
    }
    return report->clean() ? ExitCode::ok : ExitCode::corruption;
}

}  // namespace ringmx::ctl
