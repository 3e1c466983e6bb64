#include "confine/file_keeper.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine/account.hpp"
#include "in_child.hpp"

namespace ringmx::confine {
namespace {

class FileKeeperTest : public ::testing::Test {
 protected:
    FileKeeperTest() : folder_(std::filesystem::temp_directory_path() / "ringmx-keeper-XXXXXX") {
        EXPECT_NE(mkdtemp(folder_.data()), nullptr);
        key_ = folder_ + "/key.pem";
        write(key_, "the key");
        chmod(key_.c_str(), 0600);
    }
    ~FileKeeperTest() override { std::filesystem::remove_all(folder_); }
    static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
    static std::string content(int fd) {
        char buffer[64];
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        ::close(fd);
        return {buffer, got < 0 ? 0 : static_cast<std::size_t>(got)};
    }

    std::string folder_, key_;
};

TEST_F(FileKeeperTest, OpensWhatItWasTold) {
    const auto keeper = FileKeeper::start({"/etc/hostname", key_});
    ASSERT_TRUE(keeper.ok()) << keeper.error().message;
    const auto fd = (*keeper)->open(key_);
    ASSERT_TRUE(fd.ok()) << fd.error().message;
    EXPECT_EQ(content(*fd), "the key");
}

TEST_F(FileKeeperTest, AndNothingElse) {
    const auto keeper = FileKeeper::start({key_});
    ASSERT_TRUE(keeper.ok());
    const auto fd = (*keeper)->open("/etc/passwd");
    ASSERT_FALSE(fd.ok());
    EXPECT_EQ(fd.error().code, EACCES);
}

TEST_F(FileKeeperTest, SeesTheFileThatIsThereNow) {
    const auto keeper = FileKeeper::start({key_});
    ASSERT_TRUE(keeper.ok());
    write(folder_ + "/new", "another key");
    std::filesystem::rename(folder_ + "/new", key_);
    EXPECT_EQ(content(*(*keeper)->open(key_)), "another key");
    std::filesystem::remove(key_);
    const auto gone = (*keeper)->open(key_);
    ASSERT_FALSE(gone.ok());
    EXPECT_EQ(gone.error().code, ENOENT);
    EXPECT_NE(gone.error().message.find(key_), std::string::npos);
}

TEST_F(FileKeeperTest, ServesAProcessThatMayNotReadTheFile) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const int result = in_child([this] {
        auto keeper = FileKeeper::start({key_});
        if (!keeper) return 1;
        if (!become(*find_account("nobody", "")).ok()) return 2;
        if (::open(key_.c_str(), O_RDONLY) >= 0) return 3;
        const auto fd = (*keeper)->open(key_);
        if (!fd) return 4;
        return content(*fd) == "the key" ? 0 : 5;
    });
    EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace ringmx::confine
