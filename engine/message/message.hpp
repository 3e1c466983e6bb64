// A message on its way from a session to storage: its id, its envelope and its mail data, in one list of
// chunks.
//
// Layout: the first chunk's payload begins with the whole envelope (message/envelope.hpp), the trace headers
// follow, then the mail data, which goes on in the next chunks. Every chunk keeps the CRC32C of its payload.
// A chunk that has left for storage early (a streamed part) is no longer in the list.
//
// Life: a core acquires it at MAIL, fills it, submits it; until its completion it belongs to storage, then to
// the core again, which releases it. Never shared between threads at one time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/message_id.hpp"
#include "message/envelope.hpp"
#include "message/slab_pool.hpp"

namespace ringmx {

struct Message {
    MessageId id;
    Chunk* first = nullptr;  // oldest chunk still here; null before the first record and after release
    Chunk* last = nullptr;   // the chunk being written

    std::uint32_t envelope_bytes = 0;  // at the start of the first chunk ever
    std::uint32_t trace_bytes = 0;     // trace headers behind the envelope
    std::uint64_t body_bytes = 0;      // mail data as stored
    std::uint32_t recipients = 0;
    std::uint32_t parts_submitted = 0;  // chunks that left early
    std::uint32_t parts_in_flight = 0;  // of these, not yet given back
    std::uint64_t declared_bytes = 0;   // SIZE of MAIL; 0: none
    std::uint32_t flags = 0;            // envelope_flags
    bool part_failed = false;           // a part was lost: the message cannot be stored

    // The core's own: who waits for this message. Storage does not read it.
    std::uint32_t connection_slot = 0;
    std::uint32_t connection_generation = 0;
    std::int64_t begun_ns = 0;       // monotonic: MAIL
    std::int64_t data_ns = 0;        // monotonic: first octet of mail data wanted
    std::int64_t submitted_ns = 0;   // monotonic: handed to storage
    bool orphaned = false;           // its connection is gone: release it when storage gives it back
    Message* sent_before = nullptr;  // its neighbours in the list of messages that storage has to answer
    Message* sent_after = nullptr;
    Chunk* envelope_copy = nullptr;  // for the log, of a message whose first chunk has left; ours to release
    std::uint8_t outcome = 0;        // storage's status, between its report and the session's reply
    std::string_view outcome_text;   // valid until release: static, or in a chunk's unused memory

    // Storage's, beside its report that the message is stored: by what, and what that means, if it is not
    // what the host's traits say (a backend of several, storage/delivery/fallback.hpp). Static storage
    // duration.
    std::string_view stored_by;
    std::string_view stored_durability;

    // The storage host's own: to which core a worker gives it back. Set with the first request.
    std::uint32_t storage_lane = 0;

    // The storage backend's own, zeroed at acquire; the core does not read it.
    std::array<std::uint64_t, 6> backend_state{};

    Message* next = nullptr;  // for whoever holds it

    // Total octets: envelope, trace headers and mail data.
    std::uint64_t total_bytes() const { return std::uint64_t{envelope_bytes} + trace_bytes + body_bytes; }
    // The envelope. Valid while the first chunk has not left.
    Bytes envelope() const { return {first->memory + first->begin, envelope_bytes}; }
};

// A core's messages: a bounded pool of Message objects over a slab pool. One thread.
class MessagePool {
 public:
    MessagePool(SlabPool& slabs, std::uint32_t messages_max);
    ~MessagePool();
    MessagePool(const MessagePool&) = delete;
    MessagePool& operator=(const MessagePool&) = delete;

    // A fresh message with one small chunk, or null when the pool or the slabs are used up.
    Message* acquire(MessageId id);
    // Returns the message and the chunks it still has.
    void release(Message* message);

    // Appends an envelope record, growing the first chunk as needed. False, and nothing changed: the envelope
    // would pass limits::envelope_bytes_max, or no memory. Not after begin_body. Does not count recipients.
    bool append_envelope(Message& message, EnvelopeField field, Bytes value);
    // Takes back the envelope to an earlier length (a refused recipient).
    void truncate_envelope(Message& message, std::uint32_t envelope_bytes);

    // Ends the envelope and appends the trace headers. `expected_bytes` (0: unknown) sizes the first chunk.
    // False when there is no memory.
    bool begin_body(Message& message, Bytes trace, std::uint64_t expected_bytes);
    // Room for mail data in the last chunk; if that is full, adds a chunk. At least scan::kRoomMin octets, or
    // empty when there is no memory.
    MutableBytes body_room(Message& message);
    // `octets` were written into that room; crc is the CRC32C of the last chunk's whole payload.
    static void body_written(Message& message, std::size_t octets, std::uint32_t crc);
    // CRC32C of the last chunk's payload so far: the start value for what is written next.
    static std::uint32_t body_crc(const Message& message) { return message.last->crc; }

    // Unlinks and returns the oldest chunk if it is full and not the one being written; else null. For
    // streaming.
    static Chunk* detach_full_chunk(Message& message);

    // The same for the chunk being written when it is the only one; the message has none until body_room()
    // adds one.
    static Chunk* detach_last_chunk(Message& message);

    std::uint32_t in_use() const;
    SlabPool& slabs() { return slabs_; }

 private:
    struct State;
    SlabPool& slabs_;
    std::unique_ptr<State> state_;
};

}  // namespace ringmx
