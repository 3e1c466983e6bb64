#include "message/slab_pool.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/assert.hpp"
#include "base/poison.hpp"
#include "message/mapping.hpp"

// The mapping is an array of large pieces. A piece is free, handed out whole, or split into equal parts of
// one class; its free parts are a stack of 4-bit numbers in one word, so the part released last is acquired
// next. Split pieces with free parts stand in a list per class. When all parts of a piece are back, the piece
// is free again, but for one `spare` per class, which spares the pool from splitting and joining at every
// turn when it is idle.
//
// Two purses draw on the pieces by quota: `common` and `reserve`. A piece belongs to the purse that took it
// until it is free again, so that no pattern of requests can spend the reserve but those that may.

namespace ringmx {

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kPieceBytes = limits::chunk_large_bytes;
constexpr std::uint32_t kPagesPerPiece = kPieceBytes / limits::page_bytes;
constexpr std::uint32_t kPiecesMin = 4;
constexpr std::size_t kSplitClasses = 2;  // small and medium
constexpr unsigned kPartBits = 4;
constexpr std::uint64_t kAllParts = 0xFEDC'BA98'7654'3210;  // part 0 on top; the rest are never popped

static_assert(limits::chunk_small_bytes % limits::page_bytes == 0);
static_assert(kPieceBytes / limits::chunk_small_bytes <= 64 / kPartBits);

constexpr std::uint32_t parts_of(ChunkClass size) {
    return kPieceBytes / static_cast<std::uint32_t>(chunk_bytes(size));
}

constexpr std::size_t index_of(ChunkClass size) {
    return static_cast<std::size_t>(size);
}

// Descriptor of the chunk that begins at a page. A cache line of its own; the array is found by page number.
struct alignas(64) Slot {
    Chunk chunk;
};
static_assert(std::is_standard_layout_v<Slot> && std::is_trivially_destructible_v<Slot>);

struct Piece {
    std::uint64_t free_parts;  // stack of part numbers, the top in the lowest bits
    std::uint32_t previous;
    std::uint32_t next;
    std::uint8_t free_count;
    ChunkClass size_class;  // large: not split
    std::uint8_t purse;
};

// A doubly linked list of pieces by number.
struct PieceList {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
    std::uint32_t size = 0;

    void push_front(Piece* pieces, std::uint32_t at) {
        pieces[at].previous = kNone;
        pieces[at].next = head;
        (head == kNone ? tail : pieces[head].previous) = at;
        head = at;
        ++size;
    }

    void remove(Piece* pieces, std::uint32_t at) {
        const Piece& piece = pieces[at];
        (piece.previous == kNone ? head : pieces[piece.previous].next) = piece.next;
        (piece.next == kNone ? tail : pieces[piece.next].previous) = piece.previous;
        --size;
    }
};

struct Purse {
    std::uint32_t quota = 0;                              // pieces that it may hold
    std::uint32_t taken = 0;                              // pieces that it holds
    PieceList open[kSplitClasses];                        // split pieces with a free part
    std::uint32_t spare[kSplitClasses] = {kNone, kNone};  // the one among them with all parts free
};

constexpr std::uint8_t kCommon = 0;
constexpr std::uint8_t kReserve = 1;

std::size_t pieces_in(std::size_t bytes) {
    return std::max<std::size_t>(bytes / kPieceBytes, kPiecesMin);
}

}  // namespace

struct SlabPool::State {
    State(std::size_t pieces_total, std::size_t pieces_reserved);
    ~State();

    Chunk* acquire(std::uint8_t from, ChunkClass size);
    Chunk* acquire_part(std::uint8_t from, ChunkClass size);
    void release_part(std::uint32_t piece_number, std::uint32_t part);
    Chunk* hand_out(std::uint32_t page, ChunkClass size);

    std::uint32_t take_piece(std::uint8_t from);
    std::uint32_t take_spare(Purse& purse);
    void give_back_piece(std::uint32_t at);
    bool split_piece(std::uint8_t from, ChunkClass size);

    Mapping memory;
    Mapping slot_memory;
    Mapping piece_memory;
    Slot* const slots;
    Piece* const pieces;
    const std::uint32_t pieces_total;
    std::uint32_t fresh = 0;     // pieces from here on have never been used
    PieceList warm;              // free and resident, used last first
    PieceList cold;              // free, and their pages given back
    std::uint32_t warm_low = 0;  // least size of `warm` since the last trim: what nobody needed
    std::size_t bytes_in_use = 0;
    Purse purses[2];
};

SlabPool::State::State(std::size_t total, std::size_t reserved)
    : memory(total * kPieceBytes),
      slot_memory(total * kPagesPerPiece * sizeof(Slot)),
      piece_memory(total * sizeof(Piece)),
      slots(reinterpret_cast<Slot*>(slot_memory.data())),
      pieces(reinterpret_cast<Piece*>(piece_memory.data())),
      pieces_total(static_cast<std::uint32_t>(total)) {
    RMX_ASSERT(total < kNone / kPagesPerPiece && reserved < total);
    purses[kReserve].quota = static_cast<std::uint32_t>(reserved);
    purses[kCommon].quota = pieces_total - purses[kReserve].quota;
}

SlabPool::State::~State() {
    unpoison(memory.data(), std::size_t{fresh} * kPieceBytes);
    unpoison(slots, std::size_t{fresh} * kPagesPerPiece * sizeof(Slot));
}

Chunk* SlabPool::State::hand_out(std::uint32_t page, ChunkClass size) {
    Chunk& chunk = slots[page].chunk;
    unpoison(&chunk, sizeof chunk);
    const std::size_t bytes = chunk_bytes(size);
    chunk.memory = memory.data() + std::size_t{page} * limits::page_bytes;
    chunk.capacity = static_cast<std::uint32_t>(bytes);
    chunk.begin = limits::chunk_headroom_bytes;
    chunk.end = limits::chunk_headroom_bytes;
    chunk.crc = 0;
    chunk.next = nullptr;
    chunk.size_class = size;
    bytes_in_use += bytes;
    unpoison(chunk.memory, bytes);
    return &chunk;
}

// A piece that is split but wholly free; it stays on the purse's account.
std::uint32_t SlabPool::State::take_spare(Purse& purse) {
    for (std::size_t i = 0; i < kSplitClasses; ++i) {
        const std::uint32_t at = purse.spare[i];
        if (at == kNone) continue;
        purse.open[i].remove(pieces, at);
        purse.spare[i] = kNone;
        return at;
    }
    return kNone;
}

std::uint32_t SlabPool::State::take_piece(std::uint8_t from) {
    Purse& purse = purses[from];
    if (purse.taken == purse.quota) return take_spare(purse);
    ++purse.taken;
    std::uint32_t at = warm.head;
    if (at != kNone) {
        warm.remove(pieces, at);
        warm_low = std::min(warm_low, warm.size);
    } else if (cold.head != kNone) {
        at = cold.head;
        cold.remove(pieces, at);
    } else {
        RMX_ASSERT(fresh < pieces_total);
        at = fresh++;
    }
    pieces[at].purse = from;
    return at;
}

void SlabPool::State::give_back_piece(std::uint32_t at) {
    --purses[pieces[at].purse].taken;
    warm.push_front(pieces, at);
}

bool SlabPool::State::split_piece(std::uint8_t from, ChunkClass size) {
    const std::uint32_t at = take_piece(from);
    if (at == kNone) return false;
    Piece& piece = pieces[at];
    piece.free_parts = kAllParts;
    piece.free_count = static_cast<std::uint8_t>(parts_of(size));
    piece.size_class = size;
    purses[from].open[index_of(size)].push_front(pieces, at);
    poison(memory.data() + std::size_t{at} * kPieceBytes, kPieceBytes);
    return true;
}

// The next free part of the first open piece of the class.
Chunk* SlabPool::State::acquire_part(std::uint8_t from, ChunkClass size) {
    Purse& purse = purses[from];
    PieceList& open = purse.open[index_of(size)];
    const std::uint32_t at = open.head;
    if (at == kNone) return nullptr;
    Piece& piece = pieces[at];
    const auto part = static_cast<std::uint32_t>(piece.free_parts & ((1u << kPartBits) - 1));
    piece.free_parts >>= kPartBits;
    if (--piece.free_count == 0) open.remove(pieces, at);
    if (purse.spare[index_of(size)] == at) purse.spare[index_of(size)] = kNone;
    return hand_out(at * kPagesPerPiece + part * (kPagesPerPiece / parts_of(size)), size);
}

Chunk* SlabPool::State::acquire(std::uint8_t from, ChunkClass size) {
    if (size == ChunkClass::large) {
        const std::uint32_t at = take_piece(from);
        if (at == kNone) return nullptr;
        pieces[at].size_class = ChunkClass::large;
        return hand_out(at * kPagesPerPiece, size);
    }
    if (Chunk* const part = acquire_part(from, size)) return part;
    if (split_piece(from, size)) return acquire_part(from, size);
    return size == ChunkClass::small ? acquire_part(from, ChunkClass::medium) : nullptr;
}

void SlabPool::State::release_part(std::uint32_t at, std::uint32_t part) {
    Piece& piece = pieces[at];
    Purse& purse = purses[piece.purse];
    const std::size_t i = index_of(piece.size_class);
    piece.free_parts = piece.free_parts << kPartBits | part;
    if (++piece.free_count == 1) purse.open[i].push_front(pieces, at);
    if (piece.free_count < parts_of(piece.size_class)) return;
    if (purse.spare[i] == kNone) {
        purse.spare[i] = at;
        return;
    }
    purse.open[i].remove(pieces, at);
    give_back_piece(at);
}

SlabPool::SlabPool(std::size_t bytes_max, std::size_t reserve_bytes)
    : state_(std::make_unique<State>(pieces_in(bytes_max),
                                     align_up(reserve_bytes, kPieceBytes) / kPieceBytes)) {}

SlabPool::~SlabPool() = default;

Chunk* SlabPool::acquire(ChunkClass size) {
    return state_->acquire(kCommon, size);
}

Chunk* SlabPool::acquire_reserved(ChunkClass size) {
    Chunk* const chunk = state_->acquire(kCommon, size);
    return chunk != nullptr ? chunk : state_->acquire(kReserve, size);
}

void SlabPool::release(Chunk* chunk) {
    State& state = *state_;
    const auto page = static_cast<std::size_t>(reinterpret_cast<Slot*>(chunk) - state.slots);
    RMX_ASSERT(page < std::size_t{state.pieces_total} * kPagesPerPiece);
    RMX_ASSERT(chunk->memory != nullptr);  // null: given back already
    const auto at = static_cast<std::uint32_t>(page / kPagesPerPiece);
    const ChunkClass size = state.pieces[at].size_class;
    RMX_ASSERT(chunk->size_class == size);

    poison(chunk->memory, chunk_bytes(size));
    chunk->memory = nullptr;
    chunk->next = nullptr;
    poison(chunk, sizeof *chunk);
    state.bytes_in_use -= chunk_bytes(size);
    if (size == ChunkClass::large) {
        state.give_back_piece(at);
    } else {
        const auto page_in_piece = static_cast<std::uint32_t>(page % kPagesPerPiece);
        state.release_part(at, page_in_piece / (kPagesPerPiece / parts_of(size)));
    }
}

void SlabPool::release_list(Chunk* first) {
    while (first != nullptr) {
        Chunk* const next = first->next;
        release(first);
        first = next;
    }
}

std::size_t SlabPool::trim(std::size_t bytes_at_once_max) {
    State& state = *state_;
    const std::size_t wanted = std::min<std::size_t>(state.warm_low, bytes_at_once_max / kPieceBytes);
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::uint32_t at = state.warm.tail;
        state.warm.remove(state.pieces, at);
        state.memory.forget(std::size_t{at} * kPieceBytes, kPieceBytes);
        state.cold.push_front(state.pieces, at);
    }
    state.warm_low = state.warm.size;
    return wanted * kPieceBytes;
}

std::size_t SlabPool::bytes_max() const {
    return state_->memory.size();
}

std::size_t SlabPool::bytes_in_use() const {
    return state_->bytes_in_use;
}

bool SlabPool::can_acquire(ChunkClass size) const {
    const Purse& purse = state_->purses[kCommon];
    if (purse.taken < purse.quota) return true;
    for (const std::uint32_t spare : purse.spare) {
        if (spare != kNone) return true;
    }
    // Nothing whole is left: parts of the class, and medium ones where small ones are out.
    for (std::size_t i = index_of(size); i < kSplitClasses; ++i) {
        if (purse.open[i].size > 0) return true;
    }
    return false;
}

}  // namespace ringmx
