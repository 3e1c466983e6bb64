// Disk: the asynchronous file operations of a running shard, behind a seam. UringDisk is the real one; tests
// run the spool on a simulated disk that loses, tears and reorders what was not yet durable.
//
// One shard's directory, one thread. Operations are caller-owned objects: start(op) takes one, and
// op.client->disk_done(op, result) gives it back on the same thread, later, never from within start(). Until
// then the op, its names and its memory stay where they are. Operations may finish in any order; who needs an
// order waits.
#pragma once

#include <cstdint>

#include <sys/uio.h>

#include "base/result.hpp"

namespace ringmx::storage::spool {

struct DiskOp;

class DiskClient {
 public:
    // `result`: octets for read and write, a file for the opens, else 0; or -errno.
    virtual void disk_done(DiskOp& op, std::int64_t result) = 0;

 protected:
    ~DiskClient() = default;
};

struct DiskOp {
    enum class Kind : std::uint8_t {
        open_segment,    // name: for writing; memory, offsets and lengths are whole blocks then
        create_segment,  // the same, must not exist
        open_read,       // name: for reading
        close,           // file
        allocate,        // file, bytes: reserves space; may answer -EOPNOTSUPP
        write,           // file, offset, pieces
        write_durable,   // the same; when it succeeds, the data is on stable storage
        read,            // file, offset, pieces
        sync,            // file: all finished writes are on stable storage
        rename,          // name, new_name
        remove,          // name
        sync_directory,  // all finished creations, renames and removals are on stable storage
    };
    Kind kind = Kind::sync;
    bool in_flight = false;
    int file = -1;
    std::uint32_t piece_count = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;  // to allocate, or the sum of the pieces
    const iovec* pieces = nullptr;
    const char* name = nullptr;  // within the shard's directory
    const char* new_name = nullptr;
    DiskClient* client = nullptr;
};

class Disk {
 public:
    virtual ~Disk() = default;
    virtual void start(DiskOp& op) = 0;
    // Opens a segment for writing, blocking: for the start.
    virtual Result<int> open_now(const char* name) = 0;
    // Free space for us on the file system. Cheap; does not wait for the device.
    virtual Result<std::uint64_t> free_bytes() = 0;
    // Blocks until no operation is in flight, completions delivered. For shutting down.
    virtual void drain() = 0;
};

}  // namespace ringmx::storage::spool
