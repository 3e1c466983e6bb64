// Messages: the envelope and the mail data in chunks of the right sizes, checksums, and behaviour without
// memory.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "message/message.hpp"
#include "scan/data_scan.hpp"

namespace ringmx {
namespace {

constexpr std::size_t kPiece = limits::chunk_large_bytes;
constexpr std::string_view kTrace = "Received: from a\r\n";

class MessagePoolTest : public testing::Test {
 protected:
    // Writes mail data as a session does; returns what was accepted before memory ran out.
    std::size_t write_body(Message& message, std::string_view text) {
        std::size_t written = 0;
        while (written < text.size()) {
            const MutableBytes room = pool_.body_room(message);
            if (room.empty()) break;
            const std::string_view part = text.substr(written, room.size());
            std::memcpy(room.data(), part.data(), part.size());
            const std::uint32_t crc = scan::crc32c(MessagePool::body_crc(message), as_bytes(part));
            MessagePool::body_written(message, part.size(), crc);
            written += part.size();
        }
        return written;
    }

    static std::string contents(const Message& message) {
        std::string all;
        for (const Chunk* chunk = message.first; chunk != nullptr; chunk = chunk->next) {
            EXPECT_EQ(chunk->crc, scan::crc32c(0, chunk->payload()));
            EXPECT_EQ(chunk->begin, limits::chunk_headroom_bytes);
            all += as_text(chunk->payload());
        }
        return all;
    }

    static std::vector<ChunkClass> classes(const Message& message) {
        std::vector<ChunkClass> all;
        for (const Chunk* chunk = message.first; chunk != nullptr; chunk = chunk->next) {
            all.push_back(chunk->size_class);
        }
        return all;
    }

    // A message with an envelope of one forward-path of `octets`.
    Message* message_with_envelope(std::size_t octets) {
        Message* const message = pool_.acquire(MessageId{});
        const std::string path(octets, 'p');
        EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::forward_path, as_bytes(path)));
        return message;
    }

    static std::string pattern(std::size_t octets) {
        std::string text(octets, '\0');
        std::mt19937 random(static_cast<unsigned>(octets));
        for (char& c : text)
            c = static_cast<char>(random());
        return text;
    }

    SlabPool slabs_{64 * kPiece};
    MessagePool pool_{slabs_, 100};
};

using enum ChunkClass;

TEST_F(MessagePoolTest, AcquiredMessageIsFreshWithOneSmallChunk) {
    MessageId id;
    id.bytes[3] = 9;
    Message* message = pool_.acquire(id);
    message->backend_state[5] = 1;
    message->orphaned = true;
    message->body_bytes = 7;
    pool_.release(message);
    message = pool_.acquire(id);
    EXPECT_EQ(message->id, id);
    EXPECT_EQ(message->backend_state[5], 0u);
    EXPECT_FALSE(message->orphaned);
    EXPECT_EQ(message->total_bytes(), 0u);
    EXPECT_EQ(message->next, nullptr);
    EXPECT_EQ(classes(*message), std::vector{small});
    EXPECT_EQ(pool_.in_use(), 1u);
    pool_.release(message);
    EXPECT_EQ(pool_.in_use(), 0u);
    EXPECT_EQ(slabs_.bytes_in_use(), 0u);
}

TEST_F(MessagePoolTest, NoMoreMessagesThanTheLimit) {
    std::vector<Message*> messages;
    while (Message* const message = pool_.acquire(MessageId{}))
        messages.push_back(message);
    EXPECT_EQ(messages.size(), 100u);
    EXPECT_EQ(slabs_.bytes_in_use(), 100 * limits::chunk_small_bytes) << "a refusal keeps no chunk";
    pool_.release(messages.back());
    EXPECT_NE(pool_.acquire(MessageId{}), nullptr);
}

TEST_F(MessagePoolTest, EnvelopeTraceAndBodyFollowEachOther) {
    Message* const message = pool_.acquire(MessageId{});
    EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::reverse_path, as_bytes("a@b")));
    EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::forward_path, as_bytes("c@d")));
    EXPECT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), 0));
    EXPECT_EQ(write_body(*message, "Subject: x\r\n\r\nhello\r\n"), 21u);
    EXPECT_EQ(message->envelope_bytes, 14u);
    EXPECT_EQ(message->trace_bytes, kTrace.size());
    EXPECT_EQ(message->body_bytes, 21u);
    const std::string all = contents(*message);
    EXPECT_EQ(all.size(), message->total_bytes());
    EXPECT_EQ(all.substr(14), std::string(kTrace) + "Subject: x\r\n\r\nhello\r\n");
    EXPECT_EQ(as_text(*find_envelope_field(message->envelope(), EnvelopeField::forward_path)), "c@d");
    EXPECT_EQ(classes(*message), std::vector{small});
}

TEST_F(MessagePoolTest, RefusedRecipientIsTakenBack) {
    Message* const message = message_with_envelope(10);
    const std::uint32_t before = message->envelope_bytes;
    EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::forward_path, as_bytes("refused@b")));
    EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::notify, as_bytes("x")));
    pool_.truncate_envelope(*message, before);
    EXPECT_TRUE(pool_.append_envelope(*message, EnvelopeField::forward_path, as_bytes("good@b")));
    EXPECT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), 0));
    EXPECT_EQ(contents(*message).find("refused"), std::string::npos);
    EXPECT_EQ(message->envelope_bytes, before + 10);
}

TEST_F(MessagePoolTest, EnvelopeGrowsThroughTheClassesUpToItsLimit) {
    Message* const message = pool_.acquire(MessageId{});
    const std::string path(250, 'p');
    std::size_t recipients = 0;
    std::vector<ChunkClass> seen{small};
    while (pool_.append_envelope(*message, EnvelopeField::forward_path, as_bytes(path))) {
        ++recipients;
        if (message->first->size_class != seen.back()) seen.push_back(message->first->size_class);
    }
    EXPECT_EQ(recipients, limits::envelope_bytes_max / 254);
    EXPECT_EQ(seen, (std::vector{small, medium, large}));
    EXPECT_EQ(slabs_.bytes_in_use(), limits::chunk_large_bytes) << "smaller chunks went back";
    EXPECT_EQ(message->envelope_bytes, recipients * 254) << "a refusal changes nothing";
    EnvelopeReader reader(message->envelope());
    while (const auto record = reader.next()) {
        EXPECT_EQ(as_text(record->value), path);
        --recipients;
    }
    EXPECT_FALSE(reader.malformed());
    EXPECT_EQ(recipients, 0u);
}

TEST_F(MessagePoolTest, LargestEnvelopeStillTakesALongTrace) {
    Message* const message = message_with_envelope(limits::envelope_bytes_max - kEnvelopeRecordHeader);
    const std::string trace(2048, 't');
    EXPECT_TRUE(pool_.begin_body(*message, as_bytes(trace), 100'000));
    EXPECT_EQ(write_body(*message, pattern(100'000)), 100'000u);
    EXPECT_EQ(contents(*message).size(), message->total_bytes());
}

// One chunk when the size is known and some chunk can hold it all; never an empty chunk behind a full one.
TEST_F(MessagePoolTest, KnownSizeChoosesTheFirstChunk) {
    struct Case {
        std::uint64_t expected;
        std::vector<ChunkClass> chunks;
    };
    const Case cases[] = {
        {1, {small}},
        {3000, {small}},
        {3900, {medium}},
        {5000, {medium}},
        {16000, {medium}},
        {16300, {large}},
        {60000, {large}},
        {65000, {large}},
        {65500, {large, large}},
        {300'000, {large, large, large, large, large}},
    };
    for (const Case& c : cases) {
        Message* const message = message_with_envelope(10);
        ASSERT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), c.expected));
        const std::string body = pattern(c.expected);
        EXPECT_EQ(write_body(*message, body), body.size());
        EXPECT_FALSE(pool_.body_room(*message).empty());
        EXPECT_EQ(classes(*message), c.chunks) << c.expected;
        EXPECT_EQ(contents(*message).substr(message->envelope_bytes + kTrace.size()), body);
        pool_.release(message);
    }
    EXPECT_EQ(slabs_.bytes_in_use(), 0u);
}

TEST_F(MessagePoolTest, AbsurdExpectationIsOneLargeChunk) {
    Message* const message = message_with_envelope(10);
    EXPECT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), ~std::uint64_t{0}));
    EXPECT_EQ(classes(*message), std::vector{large});
}

TEST_F(MessagePoolTest, UnknownSizeGrowsByClasses) {
    Message* const message = message_with_envelope(10);
    ASSERT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), 0));
    const std::string body = pattern(200'000);
    EXPECT_EQ(write_body(*message, body), body.size());
    EXPECT_EQ(classes(*message), (std::vector{small, medium, large, large, large}));
    EXPECT_EQ(contents(*message).substr(message->envelope_bytes + kTrace.size()), body);
}

TEST_F(MessagePoolTest, UnknownSizeBehindALongEnvelopeBeginsInAMediumChunk) {
    Message* const message = message_with_envelope(2500);
    ASSERT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), 0));
    EXPECT_EQ(classes(*message), std::vector{medium});
}

TEST_F(MessagePoolTest, FullChunksLeaveInOrderButNeverTheLast) {
    Message* const message = message_with_envelope(10);
    ASSERT_TRUE(pool_.begin_body(*message, as_bytes(kTrace), 150'000));
    EXPECT_EQ(MessagePool::detach_full_chunk(*message), nullptr);
    const std::string body = pattern(150'000);
    write_body(*message, body);
    std::string streamed;
    while (Chunk* const chunk = MessagePool::detach_full_chunk(*message)) {
        EXPECT_EQ(chunk->next, nullptr);
        EXPECT_EQ(chunk->size_class, large);
        EXPECT_LT(chunk->room().size(), 64u);
        EXPECT_EQ(chunk->crc, scan::crc32c(0, chunk->payload()));
        streamed += as_text(chunk->payload());
        slabs_.release(chunk);
    }
    EXPECT_EQ(message->first, message->last);
    EXPECT_EQ((streamed + contents(*message)).substr(message->envelope_bytes + kTrace.size()), body);
    EXPECT_EQ(message->body_bytes, body.size());
    pool_.release(message);
    EXPECT_EQ(slabs_.bytes_in_use(), 0u);
}

// With little memory left the message takes what there is, smaller and smaller, and then says that it has no
// room.
TEST_F(MessagePoolTest, ScarceMemoryIsUsedToTheEnd) {
    SlabPool slabs(4 * kPiece);
    MessagePool pool(slabs, 10);
    Message* const message = pool.acquire(MessageId{});
    ASSERT_TRUE(pool.append_envelope(*message, EnvelopeField::forward_path, as_bytes("a@b")));
    ASSERT_TRUE(pool.begin_body(*message, as_bytes(kTrace), 0));
    std::size_t room_all = 0;
    for (MutableBytes room = pool.body_room(*message); !room.empty(); room = pool.body_room(*message)) {
        ASSERT_GE(room.size(), 2u);
        room_all += room.size();
        MessagePool::body_written(*message, room.size(), 0);
    }
    EXPECT_GT(room_all, 4 * kPiece - 40 * limits::chunk_headroom_bytes);
    EXPECT_EQ(slabs.bytes_in_use(), 4 * kPiece);
    EXPECT_EQ(pool.acquire(MessageId{}), nullptr);
    pool.release(message);
    EXPECT_EQ(slabs.bytes_in_use(), 0u);
    EXPECT_NE(pool.acquire(MessageId{}), nullptr);
}

TEST_F(MessagePoolTest, LastOctetsOfAChunkServeWhenMemoryIsOut) {
    SlabPool slabs(4 * kPiece);
    MessagePool pool(slabs, 10);
    Message* const message = pool.acquire(MessageId{});
    ASSERT_TRUE(pool.begin_body(*message, {}, 0));
    while (slabs.acquire(small) != nullptr)
        continue;
    MessagePool::body_written(*message, message->last->room().size() - 10, 0);
    EXPECT_EQ(pool.body_room(*message).size(), 10u);
    MessagePool::body_written(*message, 10 - scan::kRoomMin, 0);
    EXPECT_EQ(pool.body_room(*message).size(), scan::kRoomMin);
    MessagePool::body_written(*message, 1, 0);
    EXPECT_TRUE(pool.body_room(*message).empty()) << "the scan makes no progress in less than kRoomMin";
}

TEST_F(MessagePoolTest, BodyBeginsInTheSmallChunkWhenNoLargerIsLeft) {
    SlabPool slabs(4 * kPiece);
    MessagePool pool(slabs, 10);
    Message* const message = pool.acquire(MessageId{});
    while (slabs.acquire(medium) != nullptr)
        continue;
    EXPECT_TRUE(pool.begin_body(*message, as_bytes(kTrace), 10'000));
    EXPECT_EQ(classes(*message), std::vector{small});
    EXPECT_FALSE(pool.body_room(*message).empty());
}

TEST_F(MessagePoolTest, NoMemoryForTheEnvelopeOrTheTraceIsSaid) {
    SlabPool slabs(4 * kPiece);
    MessagePool pool(slabs, 10);
    Message* const message = pool.acquire(MessageId{});
    while (slabs.acquire(medium) != nullptr)
        continue;
    const std::string path(3900, 'p');
    EXPECT_TRUE(pool.append_envelope(*message, EnvelopeField::forward_path, as_bytes(path)));
    EXPECT_FALSE(pool.append_envelope(*message, EnvelopeField::forward_path, as_bytes(path)));
    EXPECT_EQ(message->envelope_bytes, path.size() + kEnvelopeRecordHeader);
    EXPECT_FALSE(pool.begin_body(*message, as_bytes(std::string(500, 't')), 0));
    EXPECT_EQ(message->trace_bytes, 0u);
}

TEST(MessagePoolDeathTest, SecondReleaseIsCaught) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    SlabPool slabs(4 * kPiece);
    MessagePool pool(slabs, 10);
    Message* const message = pool.acquire(MessageId{});
    pool.release(message);
    EXPECT_DEATH(pool.release(message), "invariant broken|use-after-poison");
}

}  // namespace
}  // namespace ringmx
