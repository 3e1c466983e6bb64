// The maildir backend: one file a message in PATH/new, durable before its 250. For a worker: it blocks.
//
// A message is written to tmp/NAME as its parts come; at commit the rest follows, then fsync, rename to
// new/NAME, fsync of new/, and only then `stored`. Messages that are committed between two flushes share the
// fsync of new/. In front of the message stand Return-Path and X-Original-To; after that the octets are as
// received, line ends CR LF included. What an earlier run left in tmp/ is removed when nobody else has the
// Maildir open. docs/storage.md
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "storage/backend.hpp"
#include "storage/maildir_files.hpp"

namespace ringmx::storage {

struct MaildirOptions {
    std::string path;  // may be a template (base/path_template.hpp): mailboxes.hpp
    std::string hostname;
    std::uint64_t min_free_bytes = 0;  // below it, accepting() is false
};

// Opens the one Maildir at `path`, or a Maildir for each recipient if `path` has placeholders.
Result<std::unique_ptr<Backend>> open_maildir(const MaildirOptions& options, StoreSink& sink);
// The one Maildir on given file operations, for tests.
std::unique_ptr<Backend> make_maildir(const MaildirOptions& options, StoreSink& sink,
                                      std::unique_ptr<MaildirFiles> files);

}  // namespace ringmx::storage
