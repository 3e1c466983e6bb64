#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/poison.hpp"
#include "message/mapping.hpp"
#include "message/message.hpp"
#include "scan/data_scan.hpp"

namespace ringmx {

namespace {

// Mail data of unknown size begins behind the envelope if this much room is left there.
constexpr std::size_t kFirstRoomMin = 2048;
// A message that is this long already goes on in large chunks.
constexpr std::uint64_t kGrowLargeBytes = limits::chunk_medium_bytes / 2;

constexpr ChunkClass kClasses[] = {ChunkClass::small, ChunkClass::medium, ChunkClass::large};

constexpr std::size_t payload_max(ChunkClass size) {
    return chunk_bytes(size) - limits::chunk_headroom_bytes;
}

// The smallest class whose payload may have `octets`, or large.
constexpr ChunkClass class_for(std::uint64_t octets) {
    for (const ChunkClass size : kClasses) {
        if (octets <= payload_max(size)) return size;
    }
    return ChunkClass::large;
}

// A chunk of class `wanted`, else of the next smaller, as long as its payload may have `octets_min`.
Chunk* acquire_down(SlabPool& slabs, ChunkClass wanted, std::size_t octets_min) {
    for (auto i = static_cast<std::size_t>(wanted) + 1; i-- > 0;) {
        if (payload_max(kClasses[i]) < octets_min) return nullptr;
        if (Chunk* const chunk = slabs.acquire(kClasses[i])) return chunk;
    }
    return nullptr;
}

// The same, and then larger ones.
Chunk* acquire_any(SlabPool& slabs, ChunkClass wanted, std::size_t octets_min) {
    if (Chunk* const chunk = acquire_down(slabs, wanted, octets_min)) return chunk;
    for (std::size_t i = static_cast<std::size_t>(wanted) + 1; i < std::size(kClasses); ++i) {
        if (payload_max(kClasses[i]) < octets_min) continue;
        if (Chunk* const chunk = slabs.acquire(kClasses[i])) return chunk;
    }
    return nullptr;
}

// Appends to the chunk; the room was checked.
void append(Chunk& chunk, Bytes bytes) {
    RMX_ASSERT(bytes.size() <= chunk.room().size());
    if (!bytes.empty()) std::memcpy(chunk.memory + chunk.end, bytes.data(), bytes.size());
    chunk.end += static_cast<std::uint32_t>(bytes.size());
}

// Puts a larger chunk in the place of a message's only one.
void replace_only_chunk(SlabPool& slabs, Message& message, Chunk* larger) {
    RMX_ASSERT(message.first == message.last);
    append(*larger, message.first->payload());
    slabs.release(message.first);
    message.first = larger;
    message.last = larger;
}

struct Slot {
    Message message;
    bool live;
};
static_assert(std::is_standard_layout_v<Slot> && std::is_trivially_destructible_v<Message>);

}  // namespace

struct MessagePool::State {
    explicit State(std::uint32_t messages_max)
        : memory(std::max<std::size_t>(messages_max, 1) * sizeof(Slot)), capacity(messages_max) {}
    ~State() { unpoison(memory.data(), std::size_t{fresh} * sizeof(Slot)); }

    Slot* slots() const { return reinterpret_cast<Slot*>(memory.data()); }

    Mapping memory;
    const std::uint32_t capacity;
    std::uint32_t fresh = 0;  // slots from here on have never been used
    std::uint32_t in_use = 0;
    Message* free = nullptr;  // linked by `next`, released last first
};

MessagePool::MessagePool(SlabPool& slabs, std::uint32_t messages_max)
    : slabs_(slabs), state_(std::make_unique<State>(messages_max)) {}

MessagePool::~MessagePool() = default;

Message* MessagePool::acquire(MessageId id) {
    State& state = *state_;
    if (state.free == nullptr && state.fresh == state.capacity) return nullptr;
    Chunk* const chunk = slabs_.acquire(ChunkClass::small);
    if (chunk == nullptr) return nullptr;

    Slot* slot = nullptr;
    if (state.free != nullptr) {
        slot = reinterpret_cast<Slot*>(state.free);
        unpoison(&slot->message, sizeof(Message));
        state.free = slot->message.next;
    } else {
        slot = state.slots() + state.fresh++;
    }
    Message* const message = new (&slot->message) Message{};
    slot->live = true;
    ++state.in_use;
    message->id = id;
    message->first = chunk;
    message->last = chunk;
    return message;
}

void MessagePool::release(Message* message) {
    State& state = *state_;
    Slot* const slot = reinterpret_cast<Slot*>(message);
    RMX_ASSERT(slot >= state.slots() && slot < state.slots() + state.fresh);
    RMX_ASSERT(slot->live);  // false: released already
    slabs_.release_list(message->first);
    if (message->envelope_copy != nullptr) slabs_.release(message->envelope_copy);
    message->first = nullptr;
    message->last = nullptr;
    message->next = state.free;
    state.free = message;
    slot->live = false;
    poison(message, sizeof(Message));
    --state.in_use;
}

bool MessagePool::append_envelope(Message& message, EnvelopeField field, Bytes value) {
    RMX_ASSERT(message.trace_bytes == 0 && message.body_bytes == 0);
    const std::size_t total = message.envelope_bytes + kEnvelopeRecordHeader + value.size();
    if (total > limits::envelope_bytes_max) return false;
    if (message.first->room().size() < kEnvelopeRecordHeader + value.size()) {
        Chunk* const larger = acquire_any(slabs_, class_for(total), total);
        if (larger == nullptr) return false;
        replace_only_chunk(slabs_, message, larger);
    }
    const std::size_t written = append_envelope_record(message.first->room(), field, value);
    RMX_ASSERT(written == kEnvelopeRecordHeader + value.size());
    message.first->end += static_cast<std::uint32_t>(written);
    message.envelope_bytes += static_cast<std::uint32_t>(written);
    return true;
}

void MessagePool::truncate_envelope(Message& message, std::uint32_t envelope_bytes) {
    RMX_ASSERT(message.trace_bytes == 0 && message.body_bytes == 0 &&
               envelope_bytes <= message.envelope_bytes);
    message.envelope_bytes = envelope_bytes;
    message.first->end = message.first->begin + envelope_bytes;
}

bool MessagePool::begin_body(Message& message, Bytes trace, std::uint64_t expected_bytes) {
    RMX_ASSERT(message.trace_bytes == 0 && message.body_bytes == 0);
    const std::size_t head = message.envelope_bytes + trace.size();
    const std::size_t room_min = expected_bytes == 0 ? kFirstRoomMin : limits::body_room_octets_min;
    const ChunkClass wanted = expected_bytes < limits::chunk_large_bytes
                                  ? class_for(head + expected_bytes + room_min)
                                  : ChunkClass::large;
    if (chunk_bytes(wanted) > message.first->capacity) {
        const bool fits_as_it_is = head <= message.first->capacity - message.first->begin;
        // A larger one to save chunks, or, when it must be, any that holds the head.
        const std::size_t payload_now = message.first->capacity - limits::chunk_headroom_bytes;
        Chunk* const larger =
            fits_as_it_is ? acquire_down(slabs_, wanted, payload_now + 1) : acquire_any(slabs_, wanted, head);
        if (larger == nullptr && !fits_as_it_is) return false;
        if (larger != nullptr) replace_only_chunk(slabs_, message, larger);
    }
    append(*message.first, trace);
    message.trace_bytes = static_cast<std::uint32_t>(trace.size());
    message.first->crc = scan::crc32c(0, message.first->payload());
    return true;
}

MutableBytes MessagePool::body_room(Message& message) {
    const MutableBytes room = message.last == nullptr ? MutableBytes{} : message.last->room();
    if (room.size() >= limits::body_room_octets_min) return room;
    const ChunkClass wanted =
        message.total_bytes() < kGrowLargeBytes ? ChunkClass::medium : ChunkClass::large;
    Chunk* const chunk = acquire_down(slabs_, wanted, 0);
    if (chunk == nullptr) return room.size() >= scan::kRoomMin ? room : MutableBytes{};
    (message.last == nullptr ? message.first : message.last->next) = chunk;
    message.last = chunk;
    return chunk->room();
}

void MessagePool::body_written(Message& message, std::size_t octets, std::uint32_t crc) {
    Chunk& chunk = *message.last;
    RMX_ASSERT(octets <= chunk.room().size());
    chunk.end += static_cast<std::uint32_t>(octets);
    chunk.crc = crc;
    message.body_bytes += octets;
}

Chunk* MessagePool::detach_full_chunk(Message& message) {
    Chunk* const oldest = message.first;
    if (oldest == nullptr || oldest == message.last) return nullptr;
    message.first = oldest->next;
    oldest->next = nullptr;
    return oldest;
}

Chunk* MessagePool::detach_last_chunk(Message& message) {
    RMX_ASSERT(message.first != nullptr && message.first == message.last);
    return std::exchange(message.first, message.last = nullptr);
}

std::uint32_t MessagePool::in_use() const {
    return state_->in_use;
}

}  // namespace ringmx
