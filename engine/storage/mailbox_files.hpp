// The file operations of a Maildir for each recipient, as a seam for tests. A file is staged in one folder of
// the template's prefix, then linked into the folder `new` of a mailbox. Results are 0 (or what is stated)
// or -errno. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "base/result.hpp"

namespace ringmx::storage {

class MailboxFiles {
 public:
    virtual ~MailboxFiles() = default;
    // --- staged files
    virtual int create(const char* staged) = 0;  // a descriptor, to write and read; the file must not exist
    virtual std::int64_t write(int fd, std::span<const iovec> pieces) = 0;  // octets written, may be fewer
    virtual std::int64_t read(int fd, std::uint64_t offset, std::span<std::byte> into) = 0;  // 0: the end
    virtual int sync(int fd) = 0;
    virtual int close(int fd) = 0;
    virtual int remove(const char* staged) = 0;
    virtual std::vector<std::string> list() = 0;
    // Octets that an unprivileged process may still write, or -errno.
    virtual std::int64_t bytes_free() = 0;
    // Whether nobody else stages files here; if so, none can until share().
    virtual bool alone() = 0;
    virtual void share() = 0;

    // --- mailboxes, by their paths below the prefix
    virtual int prepare(const std::string& mailbox) = 0;  // makes it, durably, unless it is there
    // Links a staged file to new/NAME and makes that durable. -EEXIST: the name is there already, and
    // durable. After any other failure it is not there.
    virtual int deliver(const char* staged, const std::string& mailbox, const char* name) = 0;
    virtual int withdraw(const std::string& mailbox, const char* name) = 0;  // removes new/NAME
    virtual void refresh() = 0;  // mailboxes may have been moved or removed: looks them up again
};

// The real thing. `prefix` must exist; the folder for staged files is made in it.
Result<std::unique_ptr<MailboxFiles>> open_mailbox_files(const std::string& prefix);

}  // namespace ringmx::storage
