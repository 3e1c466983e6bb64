// A socketmap service on a thread of its own, for tests: it answers as a function says.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ringmx::recipients::test {

class FakeSocketmap {
 public:
    // What to send for "NAME KEY": octets as they are. "close" closes the connection; "" says nothing.
    using Answer = std::function<std::string(const std::string& question)>;

    FakeSocketmap(std::string path, Answer answer) : path_(std::move(path)), answer_(std::move(answer)) {
        start();
    }
    ~FakeSocketmap() { stop(); }

    void start() {
        ::unlink(path_.c_str());
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        stopping_ = false;
        thread_ = std::thread([this] { run(); });
    }
    void stop() {
        if (!thread_.joinable()) return;
        stopping_ = true;
        thread_.join();
        ::close(listener_);
        ::unlink(path_.c_str());
    }
    std::vector<std::string> questions() {
        const std::lock_guard lock(mutex_);
        return questions_;
    }
    int connections() const { return accepted_.load(); }

    static std::string netstring(const std::string& text) {
        return std::to_string(text.size()) + ":" + text + ",";
    }

 private:
    struct Client {
        int fd;
        std::string input;
    };

    void run() {
        std::vector<Client> clients;
        while (!stopping_) {
            std::vector<pollfd> polled = {{listener_, POLLIN, 0}};
            for (const Client& client : clients)
                polled.push_back({client.fd, POLLIN, 0});
            ::poll(polled.data(), polled.size(), 5);
            for (std::size_t i = polled.size() - 1; i > 0; --i) {
                if (polled[i].revents == 0 || serve(clients[i - 1])) continue;
                ::close(clients[i - 1].fd);
                clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i - 1));
            }
            if (polled[0].revents != 0) {
                clients.push_back({::accept(listener_, nullptr, nullptr), {}});
                ++accepted_;
            }
        }
        for (const Client& client : clients)
            ::close(client.fd);
    }
    bool serve(Client& client) {
        char buffer[4096];
        const ssize_t got = ::recv(client.fd, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        client.input.append(buffer, static_cast<std::size_t>(got));
        const std::size_t colon = client.input.find(':');
        if (colon == std::string::npos) return true;
        const std::size_t length = std::stoul(client.input.substr(0, colon));
        if (client.input.size() < colon + length + 2) return true;
        const std::string question = client.input.substr(colon + 1, length);
        EXPECT_EQ(client.input.size(), colon + length + 2) << "one question at a time";
        client.input.clear();
        {
            const std::lock_guard lock(mutex_);
            questions_.push_back(question);
        }
        const std::string answer = answer_(question);
        if (answer == "close") return false;
        ::send(client.fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        return true;
    }

    const std::string path_;
    const Answer answer_;
    int listener_ = -1;
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_{0};
    std::mutex mutex_;
    std::vector<std::string> questions_;
    std::thread thread_;
};

}  // namespace ringmx::recipients::test
