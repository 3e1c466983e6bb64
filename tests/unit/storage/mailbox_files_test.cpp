// A Maildir for each recipient on a real file system: made on demand, and never outside the prefix.
#include "storage/mailbox_files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes.hpp"
#include "storage/mailbox_folders.hpp"
#include "storage/maildir.hpp"

namespace ringmx::storage {
namespace {

namespace fs = std::filesystem;

class MailboxFilesTest : public ::testing::Test {
 protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "ringmx-mailboxes-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        prefix_ = root_ / "mail";
        fs::create_directory(prefix_);
        options_.path = (prefix_ / "{domain}/{local}/Maildir").string();
        options_.hostname = "mx1.example.com";
    }
    void TearDown() override { fs::remove_all(root_); }
    StoreStatus deliver(Backend& backend, std::vector<std::string> recipients) {
        TestMessage message("alice@example.org", std::move(recipients), ++number_);
        message.put("x\r\n");
        const StoreRequest request{StoreOp::commit, &message.message, nullptr};
        backend.submit({&request, 1});
        return sink_.done.back().status;
    }
    std::vector<std::string> files_below(const fs::path& folder) const {
        std::vector<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            if (entry.is_regular_file())
                found.push_back(entry.path().parent_path().lexically_relative(folder));
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    std::unique_ptr<Backend> open() {
        auto backend = open_maildir(options_, sink_);
        EXPECT_TRUE(backend.ok()) << (backend.ok() ? "" : backend.error().message);
        return std::move(*backend);
    }

    fs::path root_;
    fs::path prefix_;
    MaildirOptions options_;
    RecordingSink sink_;
    std::uint8_t number_ = 0;
};

TEST_F(MailboxFilesTest, MailboxesAreMadeOnDemand) {
    const auto backend = open();
    EXPECT_EQ(deliver(*backend, {"bob@example.com", "\"../../../x\"@example.com", "postmaster"}),
              StoreStatus::stored);
    EXPECT_EQ(deliver(*backend, {"bob@example.com"}), StoreStatus::stored);
    EXPECT_EQ(files_below(root_),
              (std::vector<std::string>{
                  "mail/example.com/%2E.%2F..%2F..%2Fx/Maildir/new", "mail/example.com/bob/Maildir/new",
                  "mail/example.com/bob/Maildir/new", "mail/mx1.example.com/postmaster/Maildir/new"}));
    for (const char* made : {"example.com", "example.com/bob", "example.com/bob/Maildir/cur"}) {
        struct stat state {};
        ASSERT_EQ(stat((prefix_ / made).c_str(), &state), 0) << made;
        EXPECT_EQ(state.st_mode & 0777, 0700u) << made;
    }
}

TEST_F(MailboxFilesTest, SymbolicLinksAreNotFollowed) {
    const fs::path outside = root_ / "outside";
    fs::create_directories(outside / "new");
    fs::create_directories(prefix_ / "example.com/carol/Maildir");
    fs::create_directory_symlink(outside, prefix_ / "evil.example");
    fs::create_directories(prefix_ / "example.com/bob");
    fs::create_directory_symlink(outside, prefix_ / "example.com/bob/Maildir");
    fs::create_directory_symlink(outside / "new", prefix_ / "example.com/carol/Maildir/new");
    const auto backend = open();
    for (const char* recipient : {"x@evil.example", "bob@example.com", "carol@example.com"}) {
        EXPECT_EQ(deliver(*backend, {"dave@example.com", recipient}), StoreStatus::retry) << recipient;
        EXPECT_NE(sink_.done.back().text.find("symbolic link"), std::string::npos) << sink_.done.back().text;
    }
    EXPECT_TRUE(files_below(root_).empty());
    EXPECT_EQ(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
}

TEST_F(MailboxFilesTest, AFileInPlaceOfAFolderRefusesTheMessage) {
    fs::create_directories(prefix_ / "example.com");
    std::ofstream(prefix_ / "example.com/bob") << "x";
    const auto backend = open();
    EXPECT_EQ(deliver(*backend, {"carol@example.com", "bob@example.com"}), StoreStatus::retry);
    EXPECT_EQ(files_below(prefix_), std::vector<std::string>{"example.com"});
}

TEST_F(MailboxFilesTest, ARemovedMailboxIsMadeAgain) {
    const auto backend = open();
    EXPECT_EQ(deliver(*backend, {"bob@example.com"}), StoreStatus::stored);
    fs::remove_all(prefix_ / "example.com");
    EXPECT_EQ(deliver(*backend, {"bob@example.com"}), StoreStatus::stored);
    EXPECT_EQ(files_below(prefix_), std::vector<std::string>{"example.com/bob/Maildir/new"});
}

TEST_F(MailboxFilesTest, ANameIsDeliveredOnce) {
    auto files = open_mailbox_files(prefix_.string());
    ASSERT_TRUE(files.ok());
    for (const char* staged : {"one", "two"}) {
        const int fd = (*files)->create(staged);
        ASSERT_GE(fd, 0);
        (*files)->close(fd);
    }
    EXPECT_EQ((*files)->deliver("one", "a/b", "name"), 0);
    EXPECT_EQ((*files)->deliver("two", "a/b", "name"), -EEXIST);
    EXPECT_EQ((*files)->withdraw("a/b", "name"), 0);
    EXPECT_EQ((*files)->deliver("two", "a/b", "name"), 0);
    EXPECT_EQ((*files)->deliver("three", "a/b", "name"), -ENOENT);
}

TEST_F(MailboxFilesTest, ThePrefixMustExist) {
    options_.path = (root_ / "missing/{local}").string();
    const auto backend = open_maildir(options_, sink_);
    ASSERT_FALSE(backend.ok());
    EXPECT_EQ(backend.error().code, ENOENT);
    EXPECT_NE(backend.error().message.find((root_ / "missing").string()), std::string::npos);
}

TEST_F(MailboxFilesTest, StagedFilesStayWhileAnotherIsAtWork) {
    const fs::path left =
        prefix_ / ".ringmx-tmp/1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.mx1.example.com,3";
    const auto first = open();
    std::ofstream(left) << "torn";
    { const auto second = open(); }
    EXPECT_TRUE(fs::exists(left));
}

TEST_F(MailboxFilesTest, StagedFilesOfACrashAreRemoved) {
    { const auto first = open(); }
    const fs::path left =
        prefix_ / ".ringmx-tmp/1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.mx1.example.com,3";
    std::ofstream(left) << "torn";
    const auto second = open();
    EXPECT_FALSE(fs::exists(left));
}

TEST_F(MailboxFilesTest, OpenFoldersAreBoundedAndLeastRecentlyUsedOnesClosed) {
    const int root = ::open(prefix_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(root, 0);
    const auto open_count = [] {
        return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    };
    const auto before = open_count();
    {
        MailboxFolders folders(root, 3);
        for (int i = 0; i < 20; ++i) {
            ASSERT_GE(folders.open_new("box" + std::to_string(i)), 0);
            const int kept = folders.open_new("box0");
            ASSERT_GE(kept, 0);
            EXPECT_EQ(folders.open_new("box0"), kept);
            EXPECT_LE(open_count(), before + 3);
        }
    }
    EXPECT_EQ(open_count(), before);
    EXPECT_EQ(open_beneath(root, "../mail"), -EXDEV);
    EXPECT_EQ(open_beneath(root, "/"), -EXDEV);
    close(root);
}

}  // namespace
}  // namespace ringmx::storage
