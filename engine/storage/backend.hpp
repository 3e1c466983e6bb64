// The storage interface: what keeps a message before its 250.
//
// A backend instance serves one host thread: either a core (sharing its ring) or a storage worker (with a
// ring of its own). It cannot tell which. All calls come from that thread, and all its reports go to its
// StoreSink on that thread. It must not block, unless traits().blocking is set: then it is only ever hosted
// on a worker.
//
// Rules, in pairs:
// - Every part is answered by exactly one part_done, every commit and every abort by exactly one
// message_done.
// - A message's requests come in order: parts (oldest chunk first), then one commit or one abort, nothing
// after.
//   message_done is reported after part_done of all its parts.
// - message_done(stored) is reported only when the durability of traits() holds for all of the message.
// - The payloads of the chunks are constant for a backend: their core may still read them.
// - Between commit and message_done the message, its chunks, the headrooms and the unused tails of its chunks
// belong
//   to the backend. Between part and part_done so does that chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "message/message.hpp"

namespace ringmx::storage {

// What "stored" means, from weakest to strongest.
enum class Durability : std::uint8_t {
    none,       // nothing is kept
    process,    // survives the end of this process, not of the machine
    machine,    // survives a power cut
    replicated  // survives the loss of this machine
};
std::string_view to_string(Durability durability);

enum class StoreStatus : std::uint8_t {
    stored,   // kept: 250
    retry,    // cannot be kept now: 451 4.3.0
    full,     // no space: 452 4.3.1
    reject,   // will never be kept: 554
    aborted,  // the answer to an abort
};

enum class StoreOp : std::uint8_t { part, commit, abort };

struct StoreRequest {
    StoreOp op = StoreOp::commit;
    Message* message = nullptr;
    Chunk* chunk = nullptr;  // op part: the chunk that leaves early
};

// Where a backend reports.
class StoreSink {
 public:
    virtual ~StoreSink() = default;
    virtual void part_done(Message* message, Chunk* chunk, StoreStatus status) = 0;
    // `text` explains any status but stored and aborted; it has static storage duration, or lies in the
    // message's chunks and is valid until the message is released.
    virtual void message_done(Message* message, StoreStatus status, std::string_view text) = 0;
};

struct BackendTraits {
    std::string_view name;
    Durability durability = Durability::none;
    bool streams = false;   // takes parts; otherwise a message is submitted whole
    bool blocking = false;  // makes blocking calls: needs a worker
};

// Counters that every backend keeps; read by the admin layer from another thread through snapshots on the
// owner's.
struct BackendCounters {
    std::uint64_t messages_stored = 0;
    std::uint64_t messages_failed = 0;
    std::uint64_t bytes_stored = 0;  // envelope, trace and mail data
    std::uint64_t batches = 0;       // writes, or whatever the backend groups by
    std::uint64_t io_errors = 0;
    std::uint64_t bytes_free = 0;  // on the backend's medium, if it knows
    std::uint64_t segments = 0;    // of a log, those prepared ahead included
};

class Backend {
 public:
    virtual ~Backend() = default;
    virtual BackendTraits traits() const = 0;
    // Takes requests; may report some of them at once. May be called many times per loop.
    virtual void submit(std::span<const StoreRequest> batch) = 0;
    // Once at the end of every loop of the host: start what was gathered.
    virtual void flush() = 0;
    // About four times a second.
    virtual void tick(Now now) = 0;
    // False: new mail should be refused with 452 4.3.1 before its data (disk low, no segment ready).
    virtual bool accepting() const = 0;
    // The server ends and waits no longer, on a worker: report what is outstanding as retry, and what still
    // comes. Only for a backend that may be left without an answer; others answer in their own time. May
    // block for a few seconds. close() follows.
    virtual void give_up() {}
    // No request is outstanding any more and none will come: sync, close. May block.
    virtual void close() = 0;
    // Requests taken and not yet reported.
    virtual std::uint64_t outstanding() const = 0;
    virtual const BackendCounters& counters() const = 0;
};

}  // namespace ringmx::storage
