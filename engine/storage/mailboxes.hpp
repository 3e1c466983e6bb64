// The maildir backend with a Maildir for each recipient: a path template. For a worker: it blocks.
//
// Each mailbox gets a file of its own, because its first lines name only this mailbox's recipients (RFC 5321
// §7.2). The first mailbox's file is staged as the parts come; at commit it is copied for every other one,
// each is synced, and only when all are complete are they linked into the mailboxes, whose `new` is synced.
// `stored` comes after the last. A failure takes back what was linked. docs/storage.md
#pragma once

#include <memory>

#include "base/path_template.hpp"
#include "base/result.hpp"
#include "storage/backend.hpp"
#include "storage/mailbox_files.hpp"
#include "storage/maildir.hpp"

namespace ringmx::storage {

// `path` is what options.path says, and has components.
Result<std::unique_ptr<Backend>> open_mailboxes(const MaildirOptions& options, PathTemplate path,
                                                StoreSink& sink);
// The same on given file operations, for tests.
std::unique_ptr<Backend> make_mailboxes(const MaildirOptions& options, PathTemplate path, StoreSink& sink,
                                        std::unique_ptr<MailboxFiles> files);

}  // namespace ringmx::storage
