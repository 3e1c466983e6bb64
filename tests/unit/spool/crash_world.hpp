// CrashWorld: one seeded run of the spool on a simulated disk: lives of random work, each ended by a power
// cut or a clean stop, and the promises checked after each: what was acknowledged is there, whole and once;
// nothing else than what was submitted is there; what a consumer acknowledged stays away; no torn write is
// taken for corruption.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim_disk.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/spool.hpp"
#include "storage/spool/spool_backend.hpp"
#include "test_messages.hpp"

namespace ringmx::storage::spool::test {

struct CrashTotals {
    std::uint64_t lives = 0;
    std::uint64_t submitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t failed = 0;
    std::uint64_t aborted = 0;
    std::uint64_t consumed = 0;
    std::uint64_t torn_ends = 0;
    std::uint64_t recoveries_cut_off = 0;
};

class CrashWorld final : private StoreSink {
 public:
    explicit CrashWorld(std::uint64_t seed);
    ~CrashWorld();

    // Runs it; the first broken promise as a sentence, or nothing.
    std::string run();
    static inline CrashTotals totals;

 private:
    struct Tracked {
        std::unique_ptr<TestMessage> message;
        std::uint32_t parts_pending = 0;
        bool open = false;             // parts may follow
        bool stored = false;           // acknowledged
        bool consumed = false;         // by the consumer, durably
        bool may_be_consumed = false;  // the consumer died in the middle
        bool ended = false;            // message_done was reported
    };

    void part_done(Message* message, Chunk* chunk, StoreStatus status) override;
    void message_done(Message* message, StoreStatus status, std::string_view text) override;

    bool recover();
    void live();
    void step();
    void submit_whole();
    void stream_step();
    void consume(bool in_passing);
    void settle();
    void check();
    void fail(std::string text);
    Tracked* tracked_of(const MessageId& id);

    std::uint64_t seed_;
    Random random_;
    SimDisk disk_;
    SpoolOptions options_;
    MessageIdGenerator ids_;
    Now now_{kNsPerSecond, 1'700'000'000'000'000};
    std::map<MessageId, Tracked> messages_;
    std::vector<MessageId> streaming_;
    std::unique_ptr<Spool> spool_;
    std::unique_ptr<SpoolBackend> backend_;
    SimShard* shard_ = nullptr;
    std::string failure_;
};

}  // namespace ringmx::storage::spool::test
