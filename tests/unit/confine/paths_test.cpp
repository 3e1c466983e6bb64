#include "confine/paths.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "in_child.hpp"

namespace ringmx::confine {
namespace {

class PathsTest : public ::testing::Test {
 protected:
    PathsTest() : folder_(std::filesystem::temp_directory_path() / "ringmx-paths-XXXXXX") {
        EXPECT_NE(mkdtemp(folder_.data()), nullptr);
        for (const char* const name : {"spool", "conf", "other"})
            std::filesystem::create_directory(path(name));
        std::ofstream(path("conf/file")) << "text";
        std::ofstream(path("other/file")) << "text";
    }
    ~PathsTest() override { std::filesystem::remove_all(folder_); }
    void SetUp() override {
        if (landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock";
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    // 0, or errno.
    int opened(const std::string& name, int flags) const {
        const int fd = ::open(path(name).c_str(), flags, 0600);
        if (fd < 0) return errno;
        ::close(fd);
        return 0;
    }
    bool confine(const NetworkRule& network = {}) const {
        return no_new_privileges().ok() && restrict_paths({{path("spool"), Access::write},
                                                           {path("conf"), Access::read},
                                                           {path("does-not-exist"), Access::read}},
                                                          network)
                                               .ok();
    }

    std::string folder_;
};

TEST_F(PathsTest, WhatIsListedStaysOpenAndNothingElse) {
    EXPECT_EQ(in_child([this] {
                  if (!confine()) return 1;
                  if (opened("spool/new", O_CREAT | O_RDWR) != 0) return 2;
                  if (::unlink(path("spool/new").c_str()) != 0) return 3;
                  if (opened("conf/file", O_RDONLY) != 0) return 4;
                  if (opened("conf/file", O_WRONLY) != EACCES) return 5;
                  if (opened("conf/new", O_CREAT | O_RDWR) != EACCES) return 6;
                  if (opened("other/file", O_RDONLY) != EACCES) return 7;
                  if (::open("/etc/passwd", O_RDONLY) >= 0) return 8;
                  if (::symlink("/etc/passwd", path("spool/link").c_str()) == 0) return 9;
                  return 0;
              }),
              0);
}

TEST_F(PathsTest, HoldsForThreadsThatStartLater) {
    EXPECT_EQ(in_child([this] {
                  if (!confine()) return 1;
                  int result = 0;
                  std::thread([&] { result = opened("other/file", O_RDONLY); }).join();
                  return result == EACCES ? 0 : 2;
              }),
              0);
}

TEST_F(PathsTest, ConnectionsCanBeTakenAway) {
    if (landlock_version() < 4) GTEST_SKIP() << "this kernel's Landlock knows no TCP";
    const auto errno_of_connect = [](bool allowed) {
        return in_child([allowed] {
            if (!no_new_privileges().ok() || !restrict_paths({}, {.connect = allowed, .bind = true}).ok())
                return 255;
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const int listener = socket(AF_INET, SOCK_STREAM, 0);
            socklen_t length = sizeof address;
            if (bind(listener, reinterpret_cast<const sockaddr*>(&address), length) != 0) return 254;
            if (listen(listener, 1) != 0) return 253;
            getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
            const int client = socket(AF_INET, SOCK_STREAM, 0);
            return connect(client, reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
        });
    };
    EXPECT_EQ(errno_of_connect(true), 0);
    EXPECT_EQ(errno_of_connect(false), EACCES);
}

}  // namespace
}  // namespace ringmx::confine
