// A Maildir for each recipient on recorded file operations: order, what each file says, failures.
#include "storage/mailboxes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "fakes.hpp"

namespace ringmx::storage {
namespace {

constexpr const char* kName = "1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.mx1.example.com";

// Files in memory; every operation is recorded as one word, and the nth of a kind can be made to fail.
struct Disk {
    std::vector<std::string> operations;
    std::map<std::string, std::string> staged;
    std::map<std::string, std::string> delivered;  // by "mailbox:name"
    std::set<std::string> mailboxes;
    std::set<std::string> synced;
    std::map<int, std::string> open;  // descriptor to name
    std::string failing;              // the operation that fails, from the nth on
    int failing_from = 1;
    int error = 0;
    std::size_t octets_max = SIZE_MAX;  // that a read or a write takes
    std::int64_t free = 1 << 30;
    bool alone = true;
    int next_fd = 100;

    int act(const std::string& operation) {
        operations.push_back(operation);
        const auto count = std::count(operations.begin(), operations.end(), operation);
        return operation == failing && count >= failing_from ? -error : 0;
    }
};

class FakeFiles final : public MailboxFiles {
 public:
    explicit FakeFiles(Disk& disk) : disk_(disk) {}
    int create(const char* staged) override {
        if (const int error = disk_.act("create")) return error;
        if (!disk_.staged.emplace(staged, "").second) return -EEXIST;
        disk_.open[disk_.next_fd] = staged;
        return disk_.next_fd++;
    }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        if (const int error = disk_.act("write")) return error;
        std::size_t room = disk_.octets_max;
        std::int64_t written = 0;
        for (const iovec& piece : pieces) {
            const std::size_t octets = std::min(room, piece.iov_len);
            disk_.staged.at(disk_.open.at(fd)).append(static_cast<const char*>(piece.iov_base), octets);
            room -= octets;
            written += static_cast<std::int64_t>(octets);
        }
        return written;
    }
    std::int64_t read(int fd, std::uint64_t offset, std::span<std::byte> into) override {
        if (const int error = disk_.act("read")) return error;
        const std::string& octets = disk_.staged.at(disk_.open.at(fd));
        const std::size_t count = std::min({into.size(), octets.size() - offset, disk_.octets_max});
        std::memcpy(into.data(), octets.data() + offset, count);
        return static_cast<std::int64_t>(count);
    }
    int sync(int fd) override {
        if (const int error = disk_.act("sync")) return error;
        disk_.synced.insert(disk_.open.at(fd));
        return 0;
    }
    int close(int fd) override {
        EXPECT_EQ(disk_.open.erase(fd), 1u);
        return disk_.act("close");
    }
    int remove(const char* staged) override {
        EXPECT_EQ(disk_.staged.erase(staged), 1u) << staged;
        disk_.synced.erase(staged);
        return disk_.act("remove");
    }
    std::vector<std::string> list() override {
        std::vector<std::string> names = {".", ".."};
        for (const auto& [name, octets] : disk_.staged)
            names.push_back(name);
        return names;
    }
    std::int64_t bytes_free() override { return disk_.free; }
    bool alone() override { return disk_.alone; }
    void share() override {}
    int prepare(const std::string& mailbox) override {
        if (const int error = disk_.act("prepare")) return error;
        disk_.mailboxes.insert(mailbox);
        return 0;
    }
    int deliver(const char* staged, const std::string& mailbox, const char* name) override {
        if (const int error = disk_.act("deliver")) return error;
        EXPECT_TRUE(disk_.synced.contains(staged)) << staged << " is seen before it is durable";
        EXPECT_TRUE(disk_.mailboxes.contains(mailbox)) << mailbox;
        return disk_.delivered.emplace(mailbox + ":" + name, disk_.staged.at(staged)).second ? 0 : -EEXIST;
    }
    int withdraw(const std::string& mailbox, const char* name) override {
        EXPECT_EQ(disk_.delivered.erase(mailbox + ":" + name), 1u) << mailbox;
        return disk_.act("withdraw");
    }
    void refresh() override {}

 private:
    Disk& disk_;
};

const std::vector<std::string> kThree = {"bob@example.com", "\"../Carol\"@Example.net", "dave@[192.0.2.1]"};
const std::string kBob = std::string("example.com/bob:") + kName;
const std::string kCarol = std::string("example.net/%2E.%2Fcarol:") + kName;
const std::string kDave = std::string("%5B192.0.2.1%5D/dave:") + kName;

class MailboxesTest : public ::testing::Test {
 protected:
    void open() {
        MaildirOptions options;
        options.hostname = "mx1.example.com";
        options.min_free_bytes = 1000;
        auto path = PathTemplate::parse("/m/{domain}/{local}");
        backend_ = make_mailboxes(options, *path, sink_, std::make_unique<FakeFiles>(disk_));
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
    void expect_nothing_left() {
        EXPECT_TRUE(disk_.staged.empty());
        EXPECT_TRUE(disk_.delivered.empty());
        EXPECT_TRUE(disk_.open.empty());
    }

    Disk disk_;
    RecordingSink sink_;
    std::unique_ptr<Backend> backend_;
};

TEST_F(MailboxesTest, EachMailboxHasAFileThatNamesItsOwnRecipientOnly) {
    TestMessage message("alice@example.org", kThree);
    message.put("Received: x\r\n\r\nhello\r\n");
    submit(StoreOp::commit, message);
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::stored);
    const auto file = [](const std::string& recipient) {
        return "Return-Path: <alice@example.org>\r\nX-Original-To: " + recipient +
               "\r\nReceived: x\r\n\r\nhello\r\n";
    };
    EXPECT_EQ(disk_.delivered,
              (std::map<std::string, std::string>{
                  {kBob, file(kThree[0])}, {kCarol, file(kThree[1])}, {kDave, file(kThree[2])}}));
    EXPECT_TRUE(disk_.staged.empty());
    EXPECT_EQ(backend_->counters().messages_stored, 1u);
    EXPECT_EQ(backend_->counters().bytes_stored,
              file(kThree[0]).size() + file(kThree[1]).size() + file(kThree[2]).size());
}

TEST_F(MailboxesTest, NothingIsSeenBeforeEverythingIsSynced) {
    TestMessage message("alice@example.org", {"a@example.com", "b@example.com"});
    submit(StoreOp::commit, message);
    EXPECT_EQ(disk_.operations,
              (std::vector<std::string>{"create", "write", "prepare", "sync", "prepare", "create", "write",
                                        "sync", "close", "close", "deliver", "deliver", "remove", "remove"}));
}

TEST_F(MailboxesTest, SpellingsOfOneMailboxShareAFile) {
    TestMessage message("", {"bob@example.com", "BOB@example.COM", "\"bob\"@example.com"});
    message.put("x\r\n");
    submit(StoreOp::commit, message);
    EXPECT_EQ(disk_.delivered,
              (std::map<std::string, std::string>{
                  {kBob,
                   "Return-Path: <>\r\nX-Original-To: bob@example.com\r\nX-Original-To: BOB@example.COM\r\n"
                   "X-Original-To: \"bob\"@example.com\r\nx\r\n"}}));
}

TEST_F(MailboxesTest, PartsReachEveryMailboxWhateverAReadOrWriteTakes) {
    disk_.octets_max = 7;
    TestMessage message("alice@example.org", kThree);
    message.put("one ");
    submit(StoreOp::part, message, message.detach());
    message.add_chunk();
    message.put("two ");
    submit(StoreOp::part, message, message.detach());
    ASSERT_EQ(sink_.parts.size(), 2u);
    EXPECT_EQ(sink_.parts[1].status, StoreStatus::stored);
    EXPECT_TRUE(disk_.delivered.empty());
    message.add_chunk();
    message.put("three");
    message.add_chunk();
    submit(StoreOp::commit, message);
    ASSERT_EQ(disk_.delivered.size(), 3u);
    for (const auto& [where, octets] : disk_.delivered)
        EXPECT_TRUE(octets.ends_with("\r\none two three")) << where << ": " << octets;
}

TEST_F(MailboxesTest, AbortAndCutOffLeaveNothing) {
    TestMessage aborted("a@example.org", kThree, 1);
    submit(StoreOp::part, aborted, aborted.detach());
    submit(StoreOp::abort, aborted);
    TestMessage untouched("a@example.org", kThree, 2);
    submit(StoreOp::abort, untouched);
    ASSERT_EQ(sink_.done.size(), 2u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::aborted);
    TestMessage cut_off("a@example.org", kThree, 3);
    submit(StoreOp::part, cut_off, cut_off.detach());
    EXPECT_EQ(disk_.staged.size(), 1u);
    backend_->close();
    expect_nothing_left();
}

TEST_F(MailboxesTest, AFileOfTheSameNameIsNeitherWrittenTwiceNorTakenBack) {
    disk_.delivered[kBob] = "there";
    TestMessage message("alice@example.org", kThree);
    submit(StoreOp::commit, message);
    EXPECT_EQ(sink_.done.at(0).status, StoreStatus::stored);
    EXPECT_EQ(disk_.delivered.at(kBob), "there");
    EXPECT_EQ(disk_.delivered.size(), 3u);

    disk_.delivered = {{kBob, "there"}};
    disk_.operations.clear();
    disk_.failing = "deliver";
    disk_.failing_from = 3;
    disk_.error = EIO;
    TestMessage again("alice@example.org", kThree);
    submit(StoreOp::commit, again);
    EXPECT_EQ(sink_.done.at(1).status, StoreStatus::retry);
    EXPECT_EQ(disk_.delivered, (std::map<std::string, std::string>{{kBob, "there"}}));
    EXPECT_TRUE(disk_.staged.empty());
}

struct Failure {
    const char* operation;
    int from;
    int error;
    StoreStatus status;
};

class MailboxesFailure : public MailboxesTest, public ::testing::WithParamInterface<Failure> {};

TEST_P(MailboxesFailure, IsAnsweredForAllAndLeavesNothingAnywhere) {
    disk_.failing = GetParam().operation;
    disk_.failing_from = GetParam().from;
    disk_.error = GetParam().error;
    TestMessage message("alice@example.org", kThree);
    message.put("x");
    submit(StoreOp::commit, message);
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, GetParam().status);
    EXPECT_FALSE(sink_.done[0].text.empty());
    expect_nothing_left();
    EXPECT_EQ(backend_->counters().messages_failed, 1u);
    EXPECT_EQ(backend_->accepting(), GetParam().status != StoreStatus::full);
    disk_.failing.clear();
    TestMessage next("a@example.org", kThree, 2);
    submit(StoreOp::commit, next);
    EXPECT_EQ(sink_.done.back().status, StoreStatus::stored);
}

INSTANTIATE_TEST_SUITE_P(
    Errors, MailboxesFailure,
    ::testing::Values(
        Failure{"create", 1, EMFILE, StoreStatus::retry}, Failure{"create", 3, ENOSPC, StoreStatus::full},
        Failure{"write", 1, ENOSPC, StoreStatus::full}, Failure{"write", 2, EDQUOT, StoreStatus::full},
        Failure{"write", 5, EIO, StoreStatus::retry}, Failure{"read", 2, EIO, StoreStatus::retry},
        Failure{"prepare", 1, ELOOP, StoreStatus::retry}, Failure{"prepare", 3, ENOTDIR, StoreStatus::retry},
        Failure{"prepare", 2, ENOSPC, StoreStatus::full}, Failure{"sync", 1, EIO, StoreStatus::retry},
        Failure{"sync", 3, ENOSPC, StoreStatus::full}, Failure{"close", 1, EDQUOT, StoreStatus::full},
        Failure{"close", 3, EIO, StoreStatus::retry}, Failure{"deliver", 1, EXDEV, StoreStatus::retry},
        Failure{"deliver", 2, EIO, StoreStatus::retry}, Failure{"deliver", 3, ENOSPC, StoreStatus::full}));

TEST_F(MailboxesTest, FailedPartFailsTheMessage) {
    TestMessage message("alice@example.org", kThree);
    message.put("one");
    disk_.failing = "write";
    disk_.error = ENOSPC;
    submit(StoreOp::part, message, message.detach());
    EXPECT_EQ(sink_.parts.at(0).status, StoreStatus::full);
    EXPECT_TRUE(disk_.staged.empty());
    disk_.failing.clear();
    message.add_chunk();
    submit(StoreOp::part, message, message.detach());
    EXPECT_EQ(sink_.parts.at(1).status, StoreStatus::full);
    message.add_chunk();
    submit(StoreOp::commit, message);
    EXPECT_EQ(sink_.done.at(0).status, StoreStatus::full);
    expect_nothing_left();
}

TEST_F(MailboxesTest, LowDiskIsToldInAdvance) {
    EXPECT_TRUE(backend_->accepting());
    disk_.free = 999;
    backend_->tick(Now{});
    EXPECT_FALSE(backend_->accepting());
}

TEST_F(MailboxesTest, LeftOversOfAnEarlierRunAreRemovedWhenAlone) {
    for (const bool alone : {false, true}) {
        disk_.staged = {
            {std::string(kName) + ",0", ""}, {std::string(kName) + ",12", ""}, {kName, ""}, {"x,0", ""}};
        disk_.alone = alone;
        open();
        EXPECT_EQ(disk_.staged.size(), alone ? 2u : 4u);
        EXPECT_TRUE(disk_.staged.contains(kName));
        EXPECT_TRUE(disk_.staged.contains("x,0"));
    }
}

}  // namespace
}  // namespace ringmx::storage
