// The spool on the real file system, through a real ring: what the simulated disk cannot show.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "storage/spool/block_buffer.hpp"
#include "storage/spool/file_system.hpp"
#include "storage/spool/format.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/spool.hpp"
#include "temp_dir.hpp"
#include "test_messages.hpp"

namespace ringmx::storage::spool {
namespace {

using test::TempDir;
using test::TestMessage;

struct CountingSink final : StoreSink {
    void part_done(Message*, Chunk*, StoreStatus status) override { parts += status == StoreStatus::stored; }
    void message_done(Message*, StoreStatus status, std::string_view) override {
        stored += status == StoreStatus::stored;
        other += status != StoreStatus::stored;
    }
    std::uint64_t parts = 0;
    std::uint64_t stored = 0;
    std::uint64_t other = 0;
};

class RealDisk : public testing::Test {
 protected:
    void SetUp() override {
        auto made = ring::Ring::create({.submission_entries = 64, .completion_entries = 256});
        ASSERT_TRUE(made.ok()) << made.error().message;
        ring_ = std::move(*made);
        options_.path = directory_.path() + "/deeper/spool";
        options_.segment_bytes = 1u << 20;
        options_.min_free_bytes = 0;
        options_.direct_io_required = false;
    }

    void open() {
        auto opened = Spool::open(options_);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        spool_ = std::move(*opened);
        auto made = make_spool_backend(*spool_, 0, *ring_, sink_);
        ASSERT_TRUE(made.ok()) << made.error().message;
        backend_ = std::move(*made);
    }

    void turn() {
        backend_->flush();
        ASSERT_EQ(ring_->enter(kNsPerMs), 0);
        ring_->reap([](const io_uring_cqe&) {});
        backend_->tick(now_);
    }

    void store(TestMessage& message) {
        const StoreRequest request{StoreOp::commit, &message.message, nullptr};
        backend_->submit({&request, 1});
    }

    void settle() {
        while (backend_->outstanding() != 0)
            turn();
    }

    void close() {
        settle();
        backend_->close();
        backend_.reset();
        spool_.reset();
    }

    void TearDown() override {
        if (backend_ != nullptr) close();
    }

    // The reader's next message; what was rolled a moment ago becomes final while the server turns.
    std::optional<StoredMessage> next_of(SpoolReader& reader) {
        for (int i = 0; i < 1000; ++i) {
            auto found = reader.next();
            EXPECT_TRUE(found.ok());
            if (!found.ok() || *found) return found.ok() ? *found : std::nullopt;
            turn();
        }
        return std::nullopt;
    }

    std::vector<std::byte> contents(SpoolReader& reader, const StoredMessage& message) {
        std::vector<std::byte> bytes;
        const Status status = reader.read(message, Section::whole, [&](Bytes piece) {
            bytes.insert(bytes.end(), piece.begin(), piece.end());
            return true;
        });
        EXPECT_TRUE(status.ok()) << status.error().message;
        return bytes;
    }

    TempDir directory_;
    SpoolOptions options_;
    CountingSink sink_;
    MessageIdGenerator ids_{7};
    Now now_{kNsPerSecond, 1'700'000'000'000'000};
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<Spool> spool_;
    std::unique_ptr<Backend> backend_;
};

TEST_F(RealDisk, StoredMessagesAreReadBackOverManySegmentsAndStarts) {
    std::vector<std::unique_ptr<TestMessage>> messages;
    for (int run = 0; run < 3; ++run) {
        open();
        for (int i = 0; i < 40; ++i) {
            const std::size_t size = i % 5 == 4 ? 200'000 : static_cast<std::size_t>(i) * 311;
            messages.push_back(TestMessage::make(ids_.next(now_.wall_us), size, messages.size()));
            store(*messages.back());
            if (i % 7 == 0) turn();
        }
        close();
        ASSERT_EQ(sink_.stored, messages.size());
    }
    auto reader = SpoolReader::open(options_.path);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    for (const auto& expected : messages) {
        const auto found = (*reader)->next();
        ASSERT_TRUE(found.ok()) << found.error().message;
        ASSERT_TRUE(found->has_value());
        EXPECT_EQ((*found)->id, expected->message.id);
        EXPECT_TRUE(contents(**reader, **found) == expected->bytes);
    }
    const auto end = (*reader)->next();
    ASSERT_TRUE(end.ok());
    EXPECT_FALSE(end->has_value());
    const auto report = (*reader)->verify();
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(report->clean());
    EXPECT_EQ(report->messages, messages.size());
    EXPECT_EQ(report->torn_ends, 0u);
}

TEST_F(RealDisk, AcknowledgedSegmentsAreRecycledWhileTheServerRuns) {
    open();
    auto reader = SpoolReader::open(options_.path);
    ASSERT_TRUE(reader.ok());
    std::size_t seen = 0;
    for (int round = 0; round < 60; ++round) {
        std::vector<std::unique_ptr<TestMessage>> messages;
        for (int i = 0; i < 4; ++i) {
            messages.push_back(TestMessage::make(ids_.next(now_.wall_us), 100'000, seen + messages.size()));
            store(*messages.back());
        }
        settle();
        for (const auto& expected : messages) {
            const auto found = next_of(**reader);
            ASSERT_TRUE(found.has_value()) << "round " << round;
            ASSERT_EQ(found->id, expected->message.id);
            EXPECT_TRUE(contents(**reader, *found) == expected->bytes);
            const Status acknowledged = (*reader)->ack({&found->cursor, 1});
            ASSERT_TRUE(acknowledged.ok()) << acknowledged.error().message;
            ++seen;
        }
        now_.mono_ns += 2 * kNsPerSecond;
        for (int i = 0; i < 40; ++i)
            turn();
    }
    EXPECT_EQ(seen, 240u);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/shard-0000")) {
        files += entry.path().extension() == ".log";
    }
    EXPECT_LE(files, 10u) << "24 segments were filled; acknowledged ones must be used again";
    close();
    EXPECT_TRUE((*reader)->problems().empty());
}

TEST_F(RealDisk, SecondServerIsToldWhoHoldsTheSpool) {
    open();
    const auto second = Spool::open(options_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, open_error::locked);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
    close();
}

// How much of a file the page cache has, in octets.
std::uint64_t cached_bytes(const std::string& path, std::uint64_t file_bytes) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    void* const memory = ::mmap(nullptr, file_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> pages(file_bytes / page_bytes);
    EXPECT_EQ(::mincore(memory, file_bytes, pages.data()), 0);
    ::munmap(memory, file_bytes);
    return page_bytes * static_cast<std::uint64_t>(
                            std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; }));
}

TEST_F(RealDisk, RecoveryReadsPastThePageCache) {
    options_.segment_bytes = 8u << 20;
    open();
    if (!spool_->direct_io()) {
        close();
        GTEST_SKIP() << "this file system has no O_DIRECT";
    }
    constexpr std::size_t kMessages = 50;
    std::vector<std::unique_ptr<TestMessage>> messages;
    for (std::size_t i = 0; i < kMessages; ++i) {
        messages.push_back(TestMessage::make(ids_.next(now_.wall_us), 100'000 + 311 * i, i));
        store(*messages.back());
        settle();
    }
    close();
    const std::string path = options_.path + "/shard-0000/" + segment_name(1);
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::fdatasync(fd.get()), 0);
    ASSERT_EQ(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    if (cached_bytes(path, options_.segment_bytes) != 0) GTEST_SKIP() << "a file system in memory";
    open();
    EXPECT_EQ(spool_->report().messages, kMessages);
    EXPECT_EQ(spool_->report().corruptions, 0u);
    EXPECT_LT(cached_bytes(path, options_.segment_bytes), options_.segment_bytes / 8) << "5 MB were read";
}

TEST(PosixFiles, ReadDirectGivesWhatIsThereAtAnyPlaceAndLength) {
    const TempDir directory;
    const std::string path = directory.path() + "/file";
    std::vector<std::byte> octets(3 * kBlockBytes + 1234);
    for (std::size_t at = 0; at < octets.size(); ++at)
        octets[at] = static_cast<std::byte>(at * 131 >> 4);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(octets.data()), static_cast<std::streamsize>(octets.size()));
    auto file = posix_file_system().open(path, OpenMode::read_direct);
    ASSERT_TRUE(file.ok()) << file.error().message;
    const BlockBuffer buffer(5 * kBlockBytes);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, kBlockBytes, 3 * kBlockBytes}) {
        for (const std::size_t wanted : {std::size_t{128}, kBlockBytes, 2 * kBlockBytes, 5 * kBlockBytes}) {
            const auto count = (*file)->read_at(offset, buffer.all().first(wanted));
            ASSERT_TRUE(count.ok()) << count.error().message;
            EXPECT_EQ(*count, std::min(wanted, octets.size() - offset));
            EXPECT_TRUE(std::equal(octets.begin() + static_cast<std::ptrdiff_t>(offset),
                                   octets.begin() + static_cast<std::ptrdiff_t>(offset + *count),
                                   buffer.all().begin()))
                << offset << ", " << wanted;
        }
    }
}

}  // namespace
}  // namespace ringmx::storage::spool
