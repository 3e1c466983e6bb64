// `ringmxctl spool ls` and `follow`.
#include <time.h>
#include <unistd.h>

#include "commands.hpp"
#include "message_view.hpp"
#include "output.hpp"

namespace ringmx::ctl {

namespace {

using storage::spool::Cursor;
using storage::spool::SpoolReader;

constexpr timespec kFollowPause = {0, 200'000'000};  // between looks at a spool that has nothing new

// Prints what next() gives until there is nothing now.
Status print_new(SpoolReader& reader, bool json, Output& out) {
    std::string line;
    for (;;) {
        const auto message = reader.next();
        if (!message) return message.error();
        if (!*message) return out.flush() ? ok_status() : out.status();
        line.clear();
        json ? append_listing_json(line, **message) : append_listing_line(line, **message);
        if (!out.write(line)) return out.status();
    }
}

// Where following begins: behind given cursors, at the oldest message, or at the end.
ExitCode seek(SpoolReader& reader, const ListOptions& options) {
    for (const std::string& text : options.from) {
        const auto cursor = Cursor::parse(text);
        if (!cursor) {
            complain(text + " is not a cursor; `ringmxctl spool ls` shows them");
            return ExitCode::usage;
        }
        reader.seek_behind(*cursor);
    }
    if (options.all || !options.from.empty()) return ExitCode::ok;
    if (const Status sought = reader.seek_end(); !sought) {
        complain(sought.error().message);
        return ExitCode::failed;
    }
    return ExitCode::ok;
}

}  // namespace

ExitCode list(const ListOptions& options) {
    const OpenedSpool spool =
        open_spool(options.location, {.acknowledged = options.acknowledged, .once = true});
    if (!spool.reader) return spool.code;
    Output out(STDOUT_FILENO, "standard output");
    if (!options.json) out.write(listing_head());
    const Status printed = print_new(*spool.reader, options.json, out);
    if (!printed) complain(printed.error().message);
    return report_corruption(*spool.reader) || !printed ? ExitCode::failed : ExitCode::ok;
}

ExitCode follow(const ListOptions& options) {
    const OpenedSpool spool = open_spool(options.location, {.acknowledged = options.acknowledged});
    if (!spool.reader) return spool.code;
    if (const ExitCode code = seek(*spool.reader, options); code != ExitCode::ok) return code;
    Output out(STDOUT_FILENO, "standard output");
    for (std::size_t reported = 0;;) {
        if (const Status printed = print_new(*spool.reader, options.json, out); !printed) {
            complain(printed.error().message);
            return ExitCode::failed;
        }
        report_corruption(*spool.reader, reported);
        nanosleep(&kFollowPause, nullptr);
    }
}

}  // namespace ringmx::ctl
