// The status socket: who may ask, what it answers, and what it makes of clients and files that misbehave.
#include "admin/status.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.hpp"

namespace ringmx::admin {
namespace {

class StatusSocket : public testing::Test {
 protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() / ("ringmx-status-" + std::to_string(getpid()));
        std::filesystem::create_directory(folder_);
        path_ = folder_ / "s";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<StatusServer> start() {
        auto server =
            StatusServer::start(path_, [this] { return "{\"asked\":" + std::to_string(++asked_) + "}"; });
        EXPECT_TRUE(server.ok()) << (server.ok() ? "" : server.error().message);
        return server.ok() ? std::move(*server) : nullptr;
    }
    sockaddr_un address() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        return address;
    }
    int connect_raw() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un to = address();
        EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        return fd;
    }

    std::filesystem::path folder_;
    std::string path_;
    std::atomic<int> asked_{0};
};

TEST_F(StatusSocket, AnswersWithTheSnapshot) {
    const auto server = start();
    EXPECT_EQ(*ask(path_, "status"), "{\"asked\":1}");
    EXPECT_EQ(*ask(path_, "status"), "{\"asked\":2}");
}

TEST_F(StatusSocket, UnknownRequestIsAnError) {
    const auto server = start();
    EXPECT_EQ(*ask(path_, "selfdestruct"), "{\"error\":\"unknown request\"}");
    EXPECT_EQ(*ask(path_, ""), "{\"error\":\"unknown request\"}");
}

TEST_F(StatusSocket, AReloadIsPassedOn) {
    std::atomic<int> reloads{0};
    const auto server = StatusServer::start(
        path_, [] { return "{}"; }, [&] { ++reloads; });
    ASSERT_TRUE(server.ok());
    EXPECT_EQ(*ask(path_, "reload"), "{\"reload\":\"begun\"}");
    EXPECT_EQ(reloads, 1);
}

TEST_F(StatusSocket, WithoutAnybodyWhoReloadsItIsUnknown) {
    const auto server = start();
    EXPECT_EQ(*ask(path_, "reload"), "{\"error\":\"unknown request\"}");
}

TEST_F(StatusSocket, OnlyTheOwnerMayConnect) {
    const mode_t before = umask(0);
    const auto server = start();
    umask(before);
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StatusSocket, FileIsRemovedAtTheEnd) {
    start().reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
    const auto answer = ask(path_, "status");
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ENOENT);
}

TEST_F(StatusSocket, StaleFileIsReplaced) {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un to = address();
    ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    close(dead);  // leaves its file, as a killed server does
    ASSERT_TRUE(std::filesystem::exists(path_));
    const auto server = start();
    EXPECT_TRUE(ask(path_, "status").ok());
}

TEST_F(StatusSocket, SocketInUseIsLeftAlone) {
    const auto server = start();
    const auto second = StatusServer::start(path_, [] { return std::string("{}"); });
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, EADDRINUSE);
    EXPECT_EQ(*ask(path_, "status"), "{\"asked\":1}");
}

TEST_F(StatusSocket, OtherFileIsLeftAlone) {
    std::ofstream(path_) << "precious";
    const auto server = StatusServer::start(path_, [] { return std::string("{}"); });
    ASSERT_FALSE(server.ok());
    EXPECT_EQ(server.error().code, EEXIST);
    EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(StatusSocket, SuccessorsFileIsLeftAlone) {
    auto first = start();
    std::filesystem::rename(path_, path_ + ".old");  // somebody makes way
    const auto second = start();
    first.reset();
    EXPECT_TRUE(ask(path_, "status").ok());
}

TEST_F(StatusSocket, PathsThatNoSocketCanHaveAreRefused) {
    const auto server = StatusServer::start(std::string(200, 'x'), [] { return std::string("{}"); });
    ASSERT_FALSE(server.ok());
    EXPECT_EQ(server.error().code, ENAMETOOLONG);
    EXPECT_FALSE(ask("", "status").ok());
}

TEST_F(StatusSocket, OverlongRequestIsCutOff) {
    const auto server = start();
    const int fd = connect_raw();
    const std::string flood(64 * limits::admin_request_bytes_max, 'x');
    EXPECT_NE(send(fd, flood.data(), flood.size(), MSG_NOSIGNAL), static_cast<ssize_t>(flood.size()));
    char octet;
    EXPECT_LE(recv(fd, &octet, 1, 0), 0);  // closed without an answer
    close(fd);
    EXPECT_TRUE(ask(path_, "status").ok());
}

TEST_F(StatusSocket, ClientThatLeavesHarmsNobody) {
    const auto server = start();
    close(connect_raw());
    const int fd = connect_raw();
    ASSERT_EQ(send(fd, "status\n", 7, 0), 7);
    close(fd);  // without reading
    EXPECT_TRUE(ask(path_, "status").ok());
}

TEST_F(StatusSocket, SilentClientDoesNotKeepTheServer) {
    auto server = start();
    const int fd = connect_raw();
    server.reset();  // with the client's request outstanding
    char octet;
    EXPECT_LE(recv(fd, &octet, 1, 0), 0);  // closed, or reset if it had not been accepted yet
    close(fd);
}

TEST_F(StatusSocket, LargeAnswersArriveWhole) {
    const std::string big = "{\"x\":\"" + std::string(3 << 20, 'y') + "\"}";
    auto server = StatusServer::start(path_, [&big] { return big; });
    ASSERT_TRUE(server.ok());
    const auto answer = ask(path_, "status");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(*answer, big);
}

TEST_F(StatusSocket, ManyClientsAreServedInTurn) {
    const auto server = start();
    std::vector<std::thread> clients;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            for (int k = 0; k < 10; ++k)
                good += ask(path_, "status").ok() ? 1 : 0;
        });
    }
    for (std::thread& client : clients)
        client.join();
    EXPECT_EQ(good, 80);
    EXPECT_EQ(asked_, 80);
}

}  // namespace
}  // namespace ringmx::admin
