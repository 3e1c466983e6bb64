// `ringmxctl spool export`: every message to a Maildir, to an mbox file, or to standard output. A message
// that cannot be read whole is complained about and left out of files; the others are exported.
#include <cerrno>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.hpp"
#include "maildir_export.hpp"
#include "mbox.hpp"
#include "message_view.hpp"
#include "output.hpp"

namespace ringmx::ctl {

namespace {

using storage::spool::Section;
using storage::spool::SpoolReader;
using storage::spool::StoredMessage;

// One message could not be exported (`skipped`), or the export cannot go on (an Error).
enum class Outcome : std::uint8_t { done, skipped };

// Calls export_one(message) -> Result<Outcome> for every message.
template <typename ExportOne>
ExitCode for_each(SpoolReader& reader, ExportOne&& export_one) {
    bool all = true;
    for (;;) {
        const auto message = reader.next();
        if (!message) {
            complain(message.error().message);
            return ExitCode::failed;
        }
        if (!*message) break;
        const Result<Outcome> outcome = export_one(**message);
        if (!outcome) {
            complain(outcome.error().message);
            return ExitCode::failed;
        }
        all = all && *outcome == Outcome::done;
    }
    return report_corruption(reader) || !all ? ExitCode::failed : ExitCode::ok;
}

Outcome skip(const StoredMessage& message, const Error& error) {
    complain(std::string(as_text(message.id.text())) + " left out: " + error.message);
    return Outcome::skipped;
}

// Writes a message between its "From " line and its end.
Status write_mbox_message(SpoolReader& reader, const StoredMessage& message, MboxWriter& mbox) {
    mbox.begin(mbox_from_line(message));
    Status read = reader.read(message, Section::content, [&mbox](Bytes bytes) { return mbox.add(bytes); });
    if (read.ok()) mbox.end();
    return read;
}

ExitCode to_stream(SpoolReader& reader) {
    Output out(STDOUT_FILENO, "standard output");
    MboxWriter mbox(out, MboxWriter::Style::raw);
    const ExitCode code = for_each(reader, [&](const StoredMessage& message) -> Result<Outcome> {
        const Status read = write_mbox_message(reader, message, mbox);
        if (!out.ok()) return out.status().error();
        if (read.ok()) return Outcome::done;
        mbox.end();  // what has been written cannot be taken back: the exit code and the complaint tell
        return skip(message, read.error());
    });
    if (out.flush()) return code;
    complain(out.status().error().message);
    return ExitCode::failed;
}

ExitCode to_maildir(SpoolReader& reader, const std::string& path) {
    auto maildir = MaildirExport::open(path);
    if (!maildir) {
        complain(maildir.error().message);
        return ExitCode::failed;
    }
    ExitCode code = for_each(reader, [&](const StoredMessage& message) -> Result<Outcome> {
        if (maildir->has(message.id)) return Outcome::done;
        Status read = ok_status();
        const Status added = maildir->add(message.id, [&](Output& out) -> Status {
            read = reader.read(message, Section::content, [&out](Bytes bytes) { return out.write(bytes); });
            return out.ok() ? read : out.status();
        });
        if (added.ok()) return Outcome::done;
        if (!read.ok()) return skip(message, read.error());
        return added.error();
    });
    if (const Status finished = maildir->finish(); !finished) {
        complain(finished.error().message);
        code = ExitCode::failed;
    }
    return code;
}

Status sync_folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, folder);
    const int result = fsync(fd);
    const int code = errno;
    close(fd);
    return result == 0 ? ok_status() : Status(system_error(code, folder));
}

ExitCode write_mbox_file(SpoolReader& reader, int fd, const std::string& name) {
    Output out(fd, name);
    MboxWriter mbox(out, MboxWriter::Style::rd);
    const ExitCode code = for_each(reader, [&](const StoredMessage& message) -> Result<Outcome> {
        out.flush();
        const auto begin = static_cast<off_t>(out.octets());
        const Status read = write_mbox_message(reader, message, mbox);
        if (!read.ok() && out.flush()) {  // take the torn message back
            if (ftruncate(fd, begin) != 0 || lseek(fd, begin, SEEK_SET) < 0) return system_error(errno, name);
            out.rewind_to(static_cast<std::uint64_t>(begin));
        }
        if (!out.ok()) return out.status().error();
        return read.ok() ? Outcome::done : skip(message, read.error());
    });
    if (out.flush() && fsync(fd) == 0) return code;
    complain(out.ok() ? system_error(errno, name).message : out.status().error().message);
    return ExitCode::failed;
}

// The file appears under its name when it is whole; a file of that name is never touched.
ExitCode to_mbox_file(SpoolReader& reader, const std::string& path) {
    if (access(path.c_str(), F_OK) == 0) {
        complain(path + " exists: remove it, or choose another name");
        return ExitCode::failed;
    }
    const std::string unfinished = path + ".unfinished";
    const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        complain(system_error(errno, unfinished).message);
        return ExitCode::failed;
    }
    const ExitCode code = write_mbox_file(reader, fd, unfinished);
    close(fd);
    if (renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
        complain(system_error(errno, path).message + "; the export is in " + unfinished);
        return ExitCode::failed;
    }
    if (const Status synced = sync_folder_of(path); !synced) {
        complain(synced.error().message);
        return ExitCode::failed;
    }
    return code;
}

}  // namespace

ExitCode export_all(const ExportOptions& options) {
    const OpenedSpool spool =
        open_spool(options.location, {.acknowledged = options.acknowledged, .once = true});
    if (!spool.reader) return spool.code;
    if (options.to == "-") return to_stream(*spool.reader);
    if (options.to.ends_with(".mbox")) return to_mbox_file(*spool.reader, options.to);
    return to_maildir(*spool.reader, options.to);
}

}  // namespace ringmx::ctl
