// Spool: a spool directory that is open for writing: locked, recovered, and ready for the backends of its
// shards.
//
// Opened once per process before the host threads start (blocking); each host thread then makes its
// SpoolBackend with make_spool_backend(). Keep the Spool until every backend is closed and destroyed: it
// holds the lock.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ring/ring.hpp"
#include "storage/backend.hpp"
#include "storage/spool/file_system.hpp"

namespace ringmx::storage::spool {

struct SpoolOptions {
    std::string path;
    std::uint32_t shards = 1;                   // host threads: shard indexes 0 .. shards - 1 get a backend
    std::uint64_t segment_bytes = 64u << 20;    // multiple of 4 KiB
    std::uint64_t min_free_bytes = 256u << 20;  // below this much free space new mail is refused
    bool direct_io_required = true;             // refuse a file system without O_DIRECT
};

// Error.code of open() beside plain errno values.
namespace open_error {
constexpr int locked = EWOULDBLOCK;       // another process serves this spool; the text names its pid
constexpr int no_direct_io = EOPNOTSUPP;  // the file system refuses O_DIRECT
}  // namespace open_error

// What the start found; for the log line at start.
struct RecoveryReport {
    std::uint64_t shards = 0;
    std::uint64_t segments = 0;         // with data in them
    std::uint64_t messages = 0;         // stored and not acknowledged by a consumer
    std::uint64_t bytes = 0;            // of these
    std::uint64_t torn_ends = 0;        // writes that a crash cut off: never acknowledged, normal
    std::uint64_t corruptions = 0;      // acknowledged data that cannot be read: report it loudly
    std::vector<std::string> problems;  // one sentence each, with the place; at most 100
    double seconds = 0;
};

class Spool {
 public:
    // Creates the directory if needed, takes its lock (retrying for 2 s), recovers every shard that is there,
    // and sees that every shard to be served has a segment to write to.
    static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options);
    static Result<std::unique_ptr<Spool>> open(FileSystem& files, const SpoolOptions& options);
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    const RecoveryReport& report() const;
    bool direct_io() const;  // false: buffered writes, each followed by a data sync
    const SpoolOptions& options() const;

    struct State;
    State& state() { return *state_; }  // for the backends

 private:
    explicit Spool(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// The backend of one shard, on the calling thread's ring. Call it on the host thread; each shard once per
// Spool.
Result<std::unique_ptr<Backend>> make_spool_backend(Spool& spool, std::uint32_t shard, ring::Ring& ring,
                                                    StoreSink& sink);

}  // namespace ringmx::storage::spool
