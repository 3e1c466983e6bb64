// The slab pool: sizes, splitting and joining, the reserve, and giving memory back to the system.
#include "message/slab_pool.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/poison.hpp"

namespace ringmx {
namespace {

constexpr std::size_t kPiece = limits::chunk_large_bytes;
constexpr ChunkClass kClasses[] = {ChunkClass::small, ChunkClass::medium, ChunkClass::large};

// Takes chunks until there are no more.
std::vector<Chunk*> take_all(SlabPool& pool, ChunkClass size) {
    std::vector<Chunk*> chunks;
    while (Chunk* const chunk = pool.acquire(size))
        chunks.push_back(chunk);
    return chunks;
}

void release_all(SlabPool& pool, std::vector<Chunk*>& chunks) {
    for (Chunk* const chunk : chunks)
        pool.release(chunk);
    chunks.clear();
}

bool is_resident(const std::byte* page) {
    unsigned char resident = 0;
    EXPECT_EQ(mincore(const_cast<std::byte*>(page), limits::page_bytes, &resident), 0);
    return (resident & 1) != 0;
}

TEST(SlabPool, SizeIsRoundedDownToLargeChunksAndIsAtLeastFour) {
    EXPECT_EQ(SlabPool(10 * kPiece + 1).bytes_max(), 10 * kPiece);
    EXPECT_EQ(SlabPool(1).bytes_max(), 4 * kPiece);
}

TEST(SlabPool, FreshChunkIsEmptyBehindItsHeadroom) {
    SlabPool pool(4 * kPiece);
    for (const ChunkClass size : kClasses) {
        Chunk* const chunk = pool.acquire(size);
        ASSERT_NE(chunk, nullptr);
        EXPECT_EQ(chunk->size_class, size);
        EXPECT_EQ(chunk->capacity, chunk_bytes(size));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(chunk->memory) % limits::page_bytes, 0u);
        EXPECT_EQ(chunk->begin, limits::chunk_headroom_bytes);
        EXPECT_EQ(chunk->end, limits::chunk_headroom_bytes);
        EXPECT_EQ(chunk->crc, 0u);
        EXPECT_EQ(chunk->next, nullptr);
        EXPECT_EQ(chunk->room().size(), chunk_bytes(size) - limits::chunk_headroom_bytes);
    }
}

TEST(SlabPool, UsedChunkComesBackFresh) {
    SlabPool pool(4 * kPiece);
    Chunk* chunk = pool.acquire(ChunkClass::small);
    chunk->begin = 7;
    chunk->end = 99;
    chunk->crc = 1;
    chunk->next = chunk;
    pool.release(chunk);
    chunk = pool.acquire(ChunkClass::small);
    EXPECT_EQ(chunk->begin, limits::chunk_headroom_bytes);
    EXPECT_EQ(chunk->end, limits::chunk_headroom_bytes);
    EXPECT_EQ(chunk->crc, 0u);
    EXPECT_EQ(chunk->next, nullptr);
}

TEST(SlabPool, EveryOctetCanBeHandedOutInEveryClass) {
    SlabPool pool(8 * kPiece);
    for (const ChunkClass size : kClasses) {
        std::vector<Chunk*> chunks = take_all(pool, size);
        EXPECT_EQ(chunks.size(), pool.bytes_max() / chunk_bytes(size));
        EXPECT_EQ(pool.bytes_in_use(), pool.bytes_max());
        EXPECT_FALSE(pool.can_acquire(ChunkClass::small));
        release_all(pool, chunks);
        EXPECT_EQ(pool.bytes_in_use(), 0u);
    }
}

TEST(SlabPool, LastReleasedIsAcquiredFirst) {
    SlabPool pool(8 * kPiece);
    for (const ChunkClass size : kClasses) {
        Chunk* const first = pool.acquire(size);
        Chunk* const second = pool.acquire(size);
        pool.release(first);
        pool.release(second);
        EXPECT_EQ(pool.acquire(size), second);
        EXPECT_EQ(pool.acquire(size), first);
        pool.release(first);
        pool.release(second);
    }
}

TEST(SlabPool, SmallPiecesJoinWhateverTheOrderOfTheirRelease) {
    std::mt19937 random(1);
    SlabPool pool(4 * kPiece);
    for (int round = 0; round < 50; ++round) {
        for (const ChunkClass size : {ChunkClass::small, ChunkClass::medium}) {
            std::vector<Chunk*> parts = take_all(pool, size);
            std::shuffle(parts.begin(), parts.end(), random);
            release_all(pool, parts);
            std::vector<Chunk*> whole = take_all(pool, ChunkClass::large);
            ASSERT_EQ(whole.size(), 4u);
            release_all(pool, whole);
        }
    }
}

TEST(SlabPool, SmallIsServedFromMediumWhenNothingElseIsLeft) {
    SlabPool pool(4 * kPiece);
    std::vector<Chunk*> medium = take_all(pool, ChunkClass::medium);
    pool.release(medium.back());
    medium.pop_back();
    EXPECT_TRUE(pool.can_acquire(ChunkClass::small));
    EXPECT_FALSE(pool.can_acquire(ChunkClass::large));
    Chunk* const chunk = pool.acquire(ChunkClass::small);
    ASSERT_NE(chunk, nullptr);
    EXPECT_EQ(chunk->size_class, ChunkClass::medium);
    EXPECT_EQ(chunk->capacity, limits::chunk_medium_bytes);
    EXPECT_EQ(pool.acquire(ChunkClass::small), nullptr);
    pool.release(chunk);
    EXPECT_EQ(pool.bytes_in_use(), pool.bytes_max() - limits::chunk_medium_bytes);
}

TEST(SlabPool, ReserveIsKeptForThoseWhoMayUseIt) {
    SlabPool pool(8 * kPiece, kPiece + 1);  // rounds up to two pieces
    const std::vector<Chunk*> common = take_all(pool, ChunkClass::small);
    EXPECT_EQ(common.size(), 6 * kPiece / limits::chunk_small_bytes);
    EXPECT_FALSE(pool.can_acquire(ChunkClass::small));

    ASSERT_NE(pool.acquire_reserved(ChunkClass::small), nullptr);
    EXPECT_EQ(pool.acquire(ChunkClass::small), nullptr) << "the rest of a reserved piece is reserved";
    EXPECT_FALSE(pool.can_acquire(ChunkClass::small));
    ASSERT_NE(pool.acquire_reserved(ChunkClass::large), nullptr);
    EXPECT_EQ(pool.acquire_reserved(ChunkClass::large), nullptr);
    EXPECT_NE(pool.acquire_reserved(ChunkClass::small), nullptr);
}

TEST(SlabPool, ReserveIsRefilledByItsOwnReleases) {
    SlabPool pool(4 * kPiece, kPiece);
    std::vector<Chunk*> common = take_all(pool, ChunkClass::large);
    ASSERT_EQ(common.size(), 3u);
    for (int round = 0; round < 100; ++round) {
        Chunk* const chunk = pool.acquire_reserved(kClasses[round % 3]);
        ASSERT_NE(chunk, nullptr) << round;
        EXPECT_EQ(pool.acquire(ChunkClass::small), nullptr);
        pool.release(chunk);
        EXPECT_EQ(pool.acquire(ChunkClass::small), nullptr);
    }
    release_all(pool, common);
    EXPECT_EQ(take_all(pool, ChunkClass::large).size(), 3u);
}

TEST(SlabPool, ListIsReleasedWhole) {
    SlabPool pool(4 * kPiece);
    Chunk* first = nullptr;
    for (const ChunkClass size : kClasses) {
        Chunk* const chunk = pool.acquire(size);
        chunk->next = first;
        first = chunk;
    }
    pool.release_list(first);
    EXPECT_EQ(pool.bytes_in_use(), 0u);
    pool.release_list(nullptr);
}

TEST(SlabPool, TrimReturnsOnlyWhatWasFreeAllTheTime) {
    SlabPool pool(8 * kPiece);
    std::vector<Chunk*> chunks = take_all(pool, ChunkClass::large);
    std::vector<std::byte*> memory;
    for (Chunk* const chunk : chunks) {
        std::memset(chunk->memory, 1, chunk->capacity);
        memory.push_back(chunk->memory);
    }
    release_all(pool, chunks);
    EXPECT_EQ(pool.trim(), 0u) << "it was in use since the last call";

    Chunk* const held = pool.acquire(ChunkClass::large);
    EXPECT_EQ(held->memory, memory.back());
    pool.release(held);
    EXPECT_EQ(pool.trim(2 * kPiece), 2 * kPiece);
    EXPECT_FALSE(is_resident(memory[0])) << "the longest unused goes first";
    EXPECT_TRUE(is_resident(memory[2]));
    EXPECT_TRUE(is_resident(memory.back()));

    Chunk* const again = pool.acquire(ChunkClass::large);
    pool.release(again);
    EXPECT_EQ(pool.trim(), 5 * kPiece) << "one of the six was needed";
    EXPECT_TRUE(is_resident(memory.back()));
    EXPECT_EQ(pool.trim(), kPiece);
    EXPECT_EQ(pool.trim(), 0u);
    EXPECT_EQ(take_all(pool, ChunkClass::large).size(), 8u);
}

TEST(SlabPool, UntouchedMemoryIsNotResident) {
    SlabPool pool(1u << 30);
    Chunk* const chunk = pool.acquire(ChunkClass::large);
    EXPECT_FALSE(is_resident(chunk->memory + limits::page_bytes));
}

// Any sequence of requests keeps the chunks apart, their contents intact, and the accounts exact.
TEST(SlabPool, RandomUseKeepsChunksApart) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        SlabPool pool(12 * kPiece, 2 * kPiece);
        std::map<Chunk*, std::byte> held;
        std::size_t held_bytes = 0;
        for (int step = 0; step < 20'000; ++step) {
            const unsigned want = (static_cast<unsigned>(step) / 1000) % 3;  // fills and drains by turns
            if (random() % 3 < want && !held.empty()) {
                auto it = held.begin();
                std::advance(it, random() % std::min<std::size_t>(held.size(), 16));
                Chunk* const chunk = it->first;
                for (std::size_t at = 0; at < chunk->capacity; at += 4095)
                    ASSERT_EQ(chunk->memory[at], it->second);
                held_bytes -= chunk->capacity;
                held.erase(it);
                pool.release(chunk);
            } else {
                const ChunkClass size = kClasses[random() % 3];
                const bool can = pool.can_acquire(size);
                const bool reserved = random() % 4 == 0;
                Chunk* const chunk = reserved ? pool.acquire_reserved(size) : pool.acquire(size);
                if (!reserved) {
                    ASSERT_EQ(chunk != nullptr, can);
                }
                if (chunk == nullptr) continue;
                const auto mark = static_cast<std::byte>(random());
                std::memset(chunk->memory, std::to_integer<int>(mark), chunk->capacity);
                ASSERT_TRUE(held.emplace(chunk, mark).second);
                held_bytes += chunk->capacity;
            }
            ASSERT_EQ(pool.bytes_in_use(), held_bytes);
            ASSERT_LE(held_bytes, pool.bytes_max());
            if (step % 500 == 0) pool.trim();
        }
        for (const auto& [chunk, mark] : held)
            pool.release(chunk);
        EXPECT_EQ(pool.bytes_in_use(), 0u);
        EXPECT_EQ(take_all(pool, ChunkClass::large).size(), 10u);
    }
}

TEST(SlabPoolDeathTest, SecondReleaseIsCaught) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    SlabPool pool(4 * kPiece);
    Chunk* const chunk = pool.acquire(ChunkClass::small);
    pool.release(chunk);
    EXPECT_DEATH(pool.release(chunk), "invariant broken|use-after-poison");
}

TEST(SlabPoolDeathTest, ForeignChunkIsCaught) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    SlabPool pool(4 * kPiece);
    SlabPool other(4 * kPiece);
    Chunk* const chunk = other.acquire(ChunkClass::small);
    EXPECT_DEATH(pool.release(chunk), "invariant broken");
}

#if defined(RINGMX_ASAN)
TEST(SlabPoolDeathTest, UseAfterReleaseIsReportedByAddressSanitizer) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    SlabPool pool(4 * kPiece);
    for (const ChunkClass size : kClasses) {
        Chunk* const chunk = pool.acquire(size);
        std::byte* const memory = chunk->memory;
        pool.release(chunk);
        EXPECT_DEATH(memory[200] = std::byte{1}, "use-after-poison");
    }
}
#endif

}  // namespace
}  // namespace ringmx
