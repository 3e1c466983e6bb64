// A Maildir as the target of an export: each message is written to tmp, synced and renamed into new; finish()
// syncs the folder. The bytes are those of the spool. A message's file name has its id, so that a message
// that is there already, in new or in cur, is recognised and left alone.
#pragma once

#include <string>
#include <unordered_set>

#include "base/message_id.hpp"
#include "base/result.hpp"
#include "output.hpp"

namespace ringmx::ctl {

class MaildirExport {
 public:
    // Makes the folder and its tmp, new and cur where they are absent (mode 0700).
    static Result<MaildirExport> open(const std::string& path);

    bool has(const MessageId& id) const { return present_.contains(std::string(as_text(id.text()))); }
    // Writes one message: `write(Output&)` gives its bytes; if it fails, no file is left.
    template <typename Write>
    Status add(const MessageId& id, Write&& write);
    // What was added is durable when it returns.
    Status finish();

 private:
    explicit MaildirExport(std::string path) : path_(std::move(path)) {}

    Status collect_present(const std::string& folder);
    std::string name_of(const MessageId& id) const;
    Result<int> create(const std::string& name) const;
    // Ends a file: `written` ok: synced and moved to new; else removed.
    Status settle(int fd, const std::string& name, const Status& written);

    std::string path_;
    std::unordered_set<std::string> present_;  // ids in new and cur
};

template <typename Write>
Status MaildirExport::add(const MessageId& id, Write&& write) {
    const std::string name = name_of(id);
    const Result<int> fd = create(name);
    if (!fd) return fd.error();
    Output out(*fd, path_ + "/tmp/" + name);
    Status written = write(out);
    if (written.ok() && !out.flush()) written = out.status();
    if (Status settled = settle(*fd, name, written); !settled) return settled;
    present_.insert(std::string(as_text(id.text())));
    return ok_status();
}

}  // namespace ringmx::ctl
