// `ringmxctl spool cat`: one message to standard output.
#include <unistd.h>

#include "commands.hpp"
#include "message_view.hpp"
#include "output.hpp"

namespace ringmx::ctl {

ExitCode cat(const CatOptions& options) {
    const OpenedSpool spool = open_spool(options.location, {.acknowledged = true});
    if (!spool.reader) return spool.code;
    const FoundMessage found = find_message(*spool.reader, options.name);
    if (!found.message) return found.code;

    Output out(STDOUT_FILENO, "standard output");
    Status done = ok_status();
    if (options.envelope) {
        std::string json;
        append_envelope_json(json, *found.message);
        out.write(json);
    } else {
        const auto section = options.body ? storage::spool::Section::body : storage::spool::Section::content;
        done = spool.reader->read(*found.message, section, [&out](Bytes bytes) { return out.write(bytes); });
    }
    if (!out.flush()) done = out.status();
    if (!done) complain(options.name + ": " + done.error().message);
    return done.ok() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace ringmx::ctl
