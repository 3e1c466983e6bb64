// The maildir backend on recorded file operations: order, grouping, failures. And its names and headers.
#include "storage/maildir.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <gtest/gtest.h>

#include "fakes.hpp"
#include "storage/maildir_text.hpp"

namespace ringmx::storage {
namespace {

constexpr const char* kName1 = "1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.mx1.example.com";

// Files in memory; every operation is recorded as one word, and can be made to fail.
struct Disk {
    std::vector<std::string> operations;
    std::map<std::string, std::string> tmp;
    std::map<std::string, std::string> fresh;
    std::map<int, std::string> open;      // descriptor to name
    std::map<std::string, int> failures;  // operation to errno, for as long as it is there
    std::size_t write_max = SIZE_MAX;     // octets a write takes
    std::int64_t free = 1 << 30;
    bool alone = true;
    int next_fd = 100;

    int act(const std::string& operation) {
        operations.push_back(operation);
        const auto failure = failures.find(operation);
        return failure == failures.end() ? 0 : -failure->second;
    }
};

class FakeFiles final : public MaildirFiles {
 public:
    explicit FakeFiles(Disk& disk) : disk_(disk) {}
    int create_tmp(const char* name) override {
        if (const int error = disk_.act("create")) return error;
        if (!disk_.tmp.emplace(name, "").second) return -EEXIST;
        disk_.open[disk_.next_fd] = name;
        return disk_.next_fd++;
    }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        if (const int error = disk_.act("write")) return error;
        std::size_t room = disk_.write_max;
        std::int64_t written = 0;
        for (const iovec& piece : pieces) {
            const std::size_t octets = std::min(room, piece.iov_len);
            disk_.tmp.at(disk_.open.at(fd)).append(static_cast<const char*>(piece.iov_base), octets);
            room -= octets;
            written += static_cast<std::int64_t>(octets);
        }
        return written;
    }
    int sync(int fd) override {
        EXPECT_TRUE(disk_.open.contains(fd));
        return disk_.act("sync");
    }
    int close(int fd) override {
        EXPECT_EQ(disk_.open.erase(fd), 1u);
        return disk_.act("close");
    }
    int deliver(const char* name) override {
        if (const int error = disk_.act("deliver")) return error;
        disk_.fresh[name] = disk_.tmp.at(name);
        disk_.tmp.erase(name);
        return 0;
    }
    int sync_new() override { return disk_.act("sync-new"); }
    int remove(MaildirFolder folder, const char* name) override {
        disk_.act("remove");
        return (folder == MaildirFolder::tmp ? disk_.tmp : disk_.fresh).erase(name) == 1 ? 0 : -ENOENT;
    }
    std::vector<std::string> list_tmp() override {
        std::vector<std::string> names = {".", ".."};
        for (const auto& [name, octets] : disk_.tmp)
            names.push_back(name);
        return names;
    }
    std::int64_t bytes_free() override { return disk_.free; }
    bool alone() override { return disk_.alone; }
    void share() override {}

 private:
    Disk& disk_;
};

class MaildirTest : public ::testing::Test {
 protected:
    void open() {
        MaildirOptions options;
        options.hostname = "mx1.example.com";
        options.min_free_bytes = 1000;
        backend_ = make_maildir(options, sink_, std::make_unique<FakeFiles>(disk_));
    }
    void SetUp() override { open(); }
    void TearDown() override {
        backend_->close();
        EXPECT_TRUE(disk_.open.empty());
        EXPECT_EQ(backend_->outstanding(), 0u);
    }
    void submit(StoreOp op, TestMessage& message, Chunk* chunk = nullptr) {
        const StoreRequest request{op, &message.message, chunk};
        backend_->submit({&request, 1});
    }

    Disk disk_;
    RecordingSink sink_;
    std::unique_ptr<Backend> backend_;
};

TEST_F(MaildirTest, PromisesTheMachine) {
    EXPECT_EQ(backend_->traits().durability, Durability::machine);
    EXPECT_TRUE(backend_->traits().blocking);
    EXPECT_TRUE(backend_->traits().streams);
}

TEST_F(MaildirTest, MessageIsSyncedBeforeItIsSeenAndStoredAfterItsName) {
    TestMessage message;
    message.put("Received: x\r\n\r\nhello\r\n");
    submit(StoreOp::commit, message);
    EXPECT_TRUE(sink_.done.empty());
    EXPECT_EQ(backend_->outstanding(), 1u);
    backend_->flush();
    EXPECT_EQ(disk_.operations,
              (std::vector<std::string>{"create", "write", "sync", "close", "deliver", "sync-new"}));
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::stored);
    ASSERT_EQ(disk_.fresh.size(), 1u);
    EXPECT_EQ(disk_.fresh.begin()->first, kName1);
    EXPECT_EQ(
        disk_.fresh.begin()->second,
        "Return-Path: <alice@example.org>\r\nX-Original-To: bob@example.com\r\nReceived: x\r\n\r\nhello\r\n");
    EXPECT_EQ(backend_->counters().messages_stored, 1u);
    EXPECT_EQ(backend_->counters().bytes_stored, disk_.fresh.begin()->second.size());
}

TEST_F(MaildirTest, OneMessageForAllItsRecipientsAndTheNullReversePath) {
    TestMessage message("", {"a@example.com", "b@example.com"});
    message.put("x\r\n");
    submit(StoreOp::commit, message);
    backend_->flush();
    EXPECT_EQ(disk_.fresh.at(kName1),
              "Return-Path: <>\r\nX-Original-To: a@example.com\r\nX-Original-To: b@example.com\r\nx\r\n");
}

TEST_F(MaildirTest, GroupSharesTheSyncOfTheFolder) {
    std::deque<TestMessage> messages;
    for (std::uint8_t i = 0; i < 10; ++i) {
        submit(StoreOp::commit,
               messages.emplace_back("a@example.org", std::vector<std::string>{"b@example.com"}, i));
    }
    backend_->flush();
    EXPECT_EQ(std::count(disk_.operations.begin(), disk_.operations.end(), "sync"), 10);
    EXPECT_EQ(std::count(disk_.operations.begin(), disk_.operations.end(), "sync-new"), 1);
    EXPECT_EQ(sink_.done.size(), 10u);
    EXPECT_EQ(backend_->counters().batches, 1u);
}

TEST_F(MaildirTest, DescriptorsOfAGroupAreBounded) {
    std::deque<TestMessage> messages;
    std::size_t open_max = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        TestMessage& message = messages.emplace_back();
        message.message.id.bytes[8] = static_cast<std::uint8_t>(0x80 | (i >> 8));
        message.message.id.bytes[9] = static_cast<std::uint8_t>(i);
        submit(StoreOp::commit, message);
        open_max = std::max(open_max, disk_.open.size());
    }
    backend_->flush();
    EXPECT_EQ(sink_.done.size(), 1000u);
    EXPECT_EQ(disk_.fresh.size(), 1000u);
    EXPECT_LE(open_max, 256u);
}

TEST_F(MaildirTest, PartsAreAppendedAsTheyCome) {
    TestMessage message;
    message.put("one ");
    Chunk* first = &*message.message.first;
    message.add_chunk();
    message.put("two ");
    Chunk* const part1 = message.detach();
    EXPECT_EQ(part1, first);
    submit(StoreOp::part, message, part1);
    ASSERT_EQ(sink_.parts.size(), 1u);
    EXPECT_EQ(sink_.parts[0].chunk, part1);
    EXPECT_EQ(sink_.parts[0].status, StoreStatus::stored);
    message.add_chunk();
    message.put("three ");
    submit(StoreOp::part, message, message.detach());
    message.add_chunk();
    message.put("four");
    submit(StoreOp::commit, message);
    backend_->flush();
    EXPECT_EQ(disk_.fresh.at(kName1),
              "Return-Path: <alice@example.org>\r\nX-Original-To: bob@example.com\r\none two three four");
    EXPECT_TRUE(disk_.tmp.empty());
}

TEST_F(MaildirTest, AbortLeavesNothing) {
    TestMessage streamed;
    streamed.put("one");
    submit(StoreOp::part, streamed, streamed.detach());
    EXPECT_EQ(disk_.tmp.size(), 1u);
    submit(StoreOp::abort, streamed);
    EXPECT_TRUE(disk_.tmp.empty());
    TestMessage untouched("a@example.org", {}, 2);
    submit(StoreOp::abort, untouched);
    ASSERT_EQ(sink_.done.size(), 2u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::aborted);
    EXPECT_EQ(sink_.done[1].status, StoreStatus::aborted);
    EXPECT_TRUE(disk_.fresh.empty());
}

TEST_F(MaildirTest, ShortWritesAreGoneOn) {
    disk_.write_max = 7;
    TestMessage message;
    message.put("0123456789");
    message.add_chunk();  // an empty chunk in the middle
    message.add_chunk();
    message.put("abcdefghij");
    submit(StoreOp::commit, message);
    backend_->flush();
    EXPECT_EQ(disk_.fresh.at(kName1),
              "Return-Path: <alice@example.org>\r\nX-Original-To: bob@example.com\r\n0123456789abcdefghij");
}

TEST_F(MaildirTest, MoreChunksThanOneWriteTakes) {
    TestMessage message;
    std::string expected = "Return-Path: <alice@example.org>\r\nX-Original-To: bob@example.com\r\n";
    for (int i = 0; i < 200; ++i) {
        message.put(std::to_string(i));
        expected += std::to_string(i);
        message.add_chunk();
    }
    submit(StoreOp::commit, message);
    backend_->flush();
    EXPECT_EQ(disk_.fresh.at(kName1), expected);
}

struct Failure {
    const char* operation;
    int error;
    StoreStatus status;
};

class MaildirFailure : public MaildirTest, public ::testing::WithParamInterface<Failure> {};

TEST_P(MaildirFailure, IsAnsweredAndLeavesNothing) {
    const Failure& failure = GetParam();
    disk_.failures[failure.operation] = failure.error;
    TestMessage message;
    submit(StoreOp::commit, message);
    backend_->flush();
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, failure.status);
    EXPECT_FALSE(sink_.done[0].text.empty());
    EXPECT_TRUE(disk_.tmp.empty());
    EXPECT_TRUE(disk_.fresh.empty());
    EXPECT_TRUE(disk_.open.empty());
    EXPECT_EQ(backend_->counters().messages_failed, 1u);
    EXPECT_EQ(backend_->counters().io_errors, 1u);
    EXPECT_LE(std::count(disk_.operations.begin(), disk_.operations.end(), "sync"), 1);  // never again
    disk_.failures.clear();
    TestMessage next("a@example.org", {}, 2);
    submit(StoreOp::commit, next);
    backend_->flush();
    EXPECT_EQ(sink_.done.back().status, StoreStatus::stored);
}

INSTANTIATE_TEST_SUITE_P(Errors, MaildirFailure,
                         ::testing::Values(Failure{"create", ENOSPC, StoreStatus::full},
                                           Failure{"create", EMFILE, StoreStatus::retry},
                                           Failure{"write", ENOSPC, StoreStatus::full},
                                           Failure{"write", EDQUOT, StoreStatus::full},
                                           Failure{"write", EIO, StoreStatus::retry},
                                           Failure{"sync", EIO, StoreStatus::retry},
                                           Failure{"sync", ENOSPC, StoreStatus::full},
                                           Failure{"close", EDQUOT, StoreStatus::full},
                                           Failure{"deliver", EIO, StoreStatus::retry},
                                           Failure{"sync-new", EIO, StoreStatus::retry}));

TEST_F(MaildirTest, FailedPartFailsTheMessage) {
    TestMessage message;
    message.put("one");
    disk_.failures["write"] = ENOSPC;
    submit(StoreOp::part, message, message.detach());
    ASSERT_EQ(sink_.parts.size(), 1u);
    EXPECT_EQ(sink_.parts[0].status, StoreStatus::full);
    EXPECT_TRUE(disk_.tmp.empty());
    disk_.failures.clear();
    message.add_chunk();
    message.put("two");
    submit(StoreOp::part, message, message.detach());
    EXPECT_EQ(sink_.parts[1].status, StoreStatus::full);
    message.add_chunk();
    submit(StoreOp::commit, message);
    backend_->flush();
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::full);
    EXPECT_TRUE(disk_.fresh.empty());
}

TEST_F(MaildirTest, OneFailureDoesNotFailTheGroup) {
    TestMessage good("a@example.org", {}, 1);
    TestMessage bad("a@example.org", {}, 2);
    submit(StoreOp::commit, good);
    disk_.failures["write"] = EIO;
    submit(StoreOp::commit, bad);
    disk_.failures.clear();
    backend_->flush();
    ASSERT_EQ(sink_.done.size(), 2u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::stored);
    EXPECT_EQ(sink_.done[1].status, StoreStatus::retry);
    EXPECT_EQ(disk_.fresh.size(), 1u);
}

TEST_F(MaildirTest, LowDiskIsToldInAdvance) {
    EXPECT_TRUE(backend_->accepting());
    disk_.free = 999;
    backend_->tick(Now{});
    EXPECT_FALSE(backend_->accepting());
    EXPECT_EQ(backend_->counters().bytes_free, 999u);
    disk_.free = 1000;
    backend_->tick(Now{});
    EXPECT_TRUE(backend_->accepting());
}

TEST_F(MaildirTest, FullDiskStopsAcceptingUntilTheNextTick) {
    disk_.failures["write"] = ENOSPC;
    TestMessage message;
    submit(StoreOp::commit, message);
    backend_->flush();
    EXPECT_FALSE(backend_->accepting());
    backend_->tick(Now{});
    EXPECT_TRUE(backend_->accepting());
}

TEST_F(MaildirTest, LeftOversOfAnEarlierRunAreRemovedWhenAlone) {
    const std::vector<std::string> foreign = {
        "1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.other.example.com",
        "1688096058.M1P2.mx1.example.com", "note.txt"};
    for (const bool alone : {false, true}) {
        disk_.tmp = {{kName1, "torn"}};
        for (const std::string& name : foreign)
            disk_.tmp[name] = "";
        disk_.alone = alone;
        open();
        EXPECT_EQ(disk_.tmp.contains(kName1), !alone);
        for (const std::string& name : foreign)
            EXPECT_TRUE(disk_.tmp.contains(name)) << name;
    }
}

TEST_F(MaildirTest, MessagesCutOffAtTheEndLeaveNothing) {
    TestMessage message;
    message.put("one");
    submit(StoreOp::part, message, message.detach());
    backend_->close();
    EXPECT_TRUE(disk_.tmp.empty());
    EXPECT_TRUE(disk_.open.empty());
}

TEST(MaildirText, HostnamesAreMadeFitForAName) {
    EXPECT_EQ(maildir_host("mx1.example.com"), "mx1.example.com");
    EXPECT_EQ(maildir_host("a/b:c"), "a\\057b\\072c");
    EXPECT_EQ(maildir_host(""), "localhost");
}

TEST(MaildirText, KnowsItsOwnNames) {
    const std::string_view host = "mx1.example.com";
    EXPECT_TRUE(is_maildir_name(kName1, host));
    EXPECT_FALSE(is_maildir_name(kName1, "mx2.example.com"));
    EXPECT_FALSE(is_maildir_name(std::string("x") + kName1, host));
    EXPECT_FALSE(is_maildir_name(std::string(kName1) + ":2,S", host));
    EXPECT_FALSE(is_maildir_name(std::string(kName1).substr(10), host));
    for (std::size_t cut = 0; cut < std::string_view(kName1).size(); ++cut) {
        EXPECT_FALSE(is_maildir_name(std::string_view(kName1).substr(0, cut), host));
    }
}

}  // namespace
}  // namespace ringmx::storage
