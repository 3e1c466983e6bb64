// Recovery of one shard at start: reads its log, closes what a crash left open, removes leftovers, and sees
// that there is a segment to write to. Blocking. Running it again after a crash in its middle gives the same
// result.
#pragma once

#include <string>

#include "storage/spool/spool.hpp"
#include "storage/spool/spool_backend.hpp"

namespace ringmx::storage::spool {

// Recovers the shard's directory, which exists, and adds what it found to `report`. `served`: a backend will
// write to it; then segments are made ready, else those that nobody needs any more are removed.
Result<ShardStart> recover_shard(FileSystem& files, const SpoolOptions& options, std::uint32_t shard,
                                 std::uint64_t tag, bool served, RecoveryReport& report);

}  // namespace ringmx::storage::spool
