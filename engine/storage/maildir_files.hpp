// The file operations of the maildir backend, as a seam: tests put failures and a record of the order in
// between. All names are relative to a folder of the Maildir. Results are 0 (or what is stated) or -errno.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "base/result.hpp"

namespace ringmx::storage {

enum class MaildirFolder : std::uint8_t { tmp, fresh, cur };  // tmp/, new/, cur/

class MaildirFiles {
 public:
    virtual ~MaildirFiles() = default;
    virtual int create_tmp(const char* name) = 0;  // a descriptor, for writing; the file must not exist
    virtual std::int64_t write(int fd, std::span<const iovec> pieces) = 0;  // octets written, may be fewer
    virtual int sync(int fd) = 0;
    virtual int close(int fd) = 0;
    virtual int deliver(const char* name) = 0;  // moves tmp/NAME to new/NAME
    virtual int sync_new() = 0;                 // makes what was delivered durable
    virtual int remove(MaildirFolder folder, const char* name) = 0;
    virtual std::vector<std::string> list_tmp() = 0;
    // Octets that an unprivileged process may still write, or -errno.
    virtual std::int64_t bytes_free() = 0;
    // Whether nobody else, in this process or another, has this Maildir open; if so, none can open it until
    // share(). A lock on tmp/, held shared while the Maildir is open.
    virtual bool alone() = 0;
    virtual void share() = 0;
};

// The real thing: creates PATH, tmp, new and cur if need be (mode 0700), durably.
Result<std::unique_ptr<MaildirFiles>> open_maildir_files(const std::string& path);

}  // namespace ringmx::storage
