// The folders of mailboxes below a fixed one: found and made without ever leaving it. Linux: openat2.
//
// Every open below the root is resolved by the kernel with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and
// RESOLVE_NO_XDEV, so neither a name, nor a link that the owner of a mailbox makes, nor a mount leads
// elsewhere. What is made has mode 0700 and is durable, its name included, before it is returned. One
// thread; others may make the same folders at the same time.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/descriptor.hpp"

namespace ringmx::storage {

class MailboxFolders {
 public:
    // `root` stays the caller's and open. At most `open_max` folders are kept open.
    MailboxFolders(int root, std::size_t open_max) : root_(root), open_max_(open_max) {}
    MailboxFolders(const MailboxFolders&) = delete;
    MailboxFolders& operator=(const MailboxFolders&) = delete;

    // The folder `new` of the Maildir at `path` below the root, which is made if need be. The descriptor
    // stays this object's and is valid until the next call. Or -errno: ELOOP for a symbolic link, EXDEV for
    // another file system.
    int open_new(const std::string& path);
    // Looks each folder up again when it is next asked for: it may have been moved.
    void forget(const std::string& path);
    void forget_all();

 private:
    using Entry = std::pair<std::string, Descriptor>;

    // -errno in place of a descriptor, as in open_new().
    Descriptor find(const std::string& path) const;
    Descriptor make(const std::string& path) const;

    const int root_;
    const std::size_t open_max_;
    std::list<Entry> recent_;  // the last used first
    std::unordered_map<std::string, std::list<Entry>::iterator> known_;
};

// A folder at `path` below the open folder `parent`, as above; a descriptor or -errno.
int open_beneath(int parent, const char* path);

}  // namespace ringmx::storage
