// What an open Spool holds, for those who make backends of it: make_spool_backend() and the tests.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "storage/spool/spool.hpp"
#include "storage/spool/spool_backend.hpp"

namespace ringmx::storage::spool {

struct Spool::State {
    SpoolOptions options;
    std::unique_ptr<File> lock;
    bool direct = false;
    RecoveryReport report;
    std::mutex mutex;                            // of `starts`: host threads take theirs at the same time
    std::map<std::uint32_t, ShardStart> starts;  // not yet taken by a backend
};

// The tag of the spool in this directory. ENOENT: there is none.
Result<std::uint64_t> read_tag(FileSystem& files, const std::string& directory);

// What the shard's backend starts from; once per shard. Any thread.
Result<ShardStart> take_start(Spool& spool, std::uint32_t shard);

}  // namespace ringmx::storage::spool
