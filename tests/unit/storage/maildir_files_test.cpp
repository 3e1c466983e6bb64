// The maildir backend on a real file system.
#include "storage/maildir_files.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes.hpp"
#include "storage/maildir.hpp"

namespace ringmx::storage {
namespace {

namespace fs = std::filesystem;

class MaildirFilesTest : public ::testing::Test {
 protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "ringmx-maildir-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        options_.path = (root_ / "mail").string();
        options_.hostname = "mx1.example.com";
    }
    void TearDown() override { fs::remove_all(root_); }
    std::unique_ptr<Backend> open() {
        auto backend = open_maildir(options_, sink_);
        EXPECT_TRUE(backend.ok()) << (backend.ok() ? "" : backend.error().message);
        return std::move(*backend);
    }
    std::vector<fs::path> files(const char* folder) const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(fs::path(options_.path) / folder))
            found.push_back(entry.path());
        return found;
    }

    fs::path root_;
    MaildirOptions options_;
    RecordingSink sink_;
};

TEST_F(MaildirFilesTest, StoresTheOctetsAsTheyAre) {
    const auto backend = open();
    TestMessage message;
    const std::string body("Subject: x\r\n\r\n8-bit \xff and NUL \0 stay\r\n", 37);
    message.put(body);
    const StoreRequest request{StoreOp::commit, &message.message, nullptr};
    backend->submit({&request, 1});
    EXPECT_EQ(files("tmp").size(), 1u);
    backend->flush();
    ASSERT_EQ(sink_.done.size(), 1u);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::stored);
    EXPECT_TRUE(files("tmp").empty());
    ASSERT_EQ(files("new").size(), 1u);
    std::ifstream file(files("new")[0], std::ios::binary);
    const std::string kept{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(kept, "Return-Path: <alice@example.org>\r\nX-Original-To: bob@example.com\r\n" + body);
    struct stat state {};
    ASSERT_EQ(stat(files("new")[0].c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777, 0600u);
    EXPECT_GT(backend->counters().bytes_free, 0u);
}

TEST_F(MaildirFilesTest, RemovesWhatAnEarlierRunLeftUnlessAnotherIsAtWork) {
    TestMessage begun;
    begun.put("begun");
    const auto first = open();
    const StoreRequest request{StoreOp::part, &begun.message, begun.detach()};
    first->submit({&request, 1});
    ASSERT_EQ(files("tmp").size(), 1u);
    {
        const auto second = open();  // the first is at work
        EXPECT_EQ(files("tmp").size(), 1u);
    }
    const fs::path left = files("tmp")[0];
    first->close();
    EXPECT_TRUE(files("tmp").empty());
    std::ofstream(left) << "torn";
    std::ofstream(left.parent_path() / "somebody-elses") << "x";
    {
        const auto third = open();  // the first has its folders open still
        EXPECT_EQ(files("tmp").size(), 2u);
    }
}

TEST_F(MaildirFilesTest, RemovesWhatACrashLeft) {
    { const auto first = open(); }
    const fs::path tmp = fs::path(options_.path) / "tmp";
    std::ofstream(tmp / "1688096058.R01890a5d-ac96-774b-bcce-b302099a8001.mx1.example.com") << "torn";
    std::ofstream(tmp / "somebody-elses") << "x";
    const auto second = open();
    ASSERT_EQ(files("tmp").size(), 1u);
    EXPECT_EQ(files("tmp")[0].filename(), "somebody-elses");
}

TEST_F(MaildirFilesTest, ErrorNamesTheFolder) {
    options_.path = (root_ / "missing" / "mail").string();
    const auto backend = open_maildir(options_, sink_);
    ASSERT_FALSE(backend.ok());
    EXPECT_EQ(backend.error().code, ENOENT);
    EXPECT_NE(backend.error().message.find(options_.path), std::string::npos);
}

TEST_F(MaildirFilesTest, FileInPlaceOfAFolderIsAnError) {
    fs::create_directories(options_.path);
    std::ofstream(fs::path(options_.path) / "new") << "x";
    const auto backend = open_maildir(options_, sink_);
    ASSERT_FALSE(backend.ok());
    EXPECT_EQ(backend.error().code, ENOTDIR);
}

}  // namespace
}  // namespace ringmx::storage
