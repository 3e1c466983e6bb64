// `ringmxctl spool --dead requeue`: asks for dead letters to be delivered once more. A request is a file
// (storage/delivery/requeue.hpp): the server that runs finds it within a second, another one when it starts.
#include <cstdio>

#include "commands.hpp"
#include "storage/delivery/requeue.hpp"

namespace ringmx::ctl {

ExitCode requeue(const RequeueOptions& options) {
    ExitCode code = ExitCode::ok;
    const std::string path = spool_path(options.location, code);
    if (path.empty()) return code;
    const OpenedSpool spool = open_spool(options.location, {.once = true});
    if (!spool.reader) return spool.code;
    std::vector<storage::spool::Cursor> letters;
    for (const std::string& name : options.names) {
        const FoundMessage found = find_message(*spool.reader, name);
        if (!found.message) {
            code = found.code;
        } else if (found.message->acknowledged) {
            complain("no message " + name + " in this spool");
            code = ExitCode::not_found;
        } else {
            letters.push_back(found.message->cursor);
        }
    }
    while (options.all) {
        const auto letter = spool.reader->next();
        if (!letter) {
            complain(letter.error().message);
            code = ExitCode::failed;
        }
        if (!letter || !*letter) break;
        letters.push_back((*letter)->cursor);
    }
    std::size_t asked = 0;
    for (const storage::spool::Cursor& letter : letters) {
        if (const Status made = storage::delivery::request_requeue(path, letter); !made) {
            complain(made.error().message);
            code = ExitCode::failed;
            break;
        }
        ++asked;
    }
    std::printf("%zu dead letters are to be delivered once more\n", asked);
    return code;
}

}  // namespace ringmx::ctl
