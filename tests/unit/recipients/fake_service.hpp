// A service that answers questions over stream sockets, on a thread of its own, for tests. What listens and
// how a question is told from the octets that came is its owner's (fake_http.hpp, fake_socketmap.hpp).
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringmx::recipients::test {

class FakeService {
 public:
    // What to send for a question: octets as they are. "close" closes the connection; "" says nothing.
    using Answer = std::function<std::string(const std::string& question)>;
    // A socket that listens; the caller closes it.
    using Listen = std::function<int()>;
    // Takes a whole question out of a client's octets, if one has come. On the service's thread.
    using TakeQuestion = std::function<std::optional<std::string>(std::string& input)>;

    FakeService(Listen listen, TakeQuestion take_question, Answer answer)
        : listen_(std::move(listen)), take_question_(std::move(take_question)), answer_(std::move(answer)) {
        start();
    }
    ~FakeService() { stop(); }

    void start() {
        listener_ = listen_();
        stopping_ = false;
        thread_ = std::thread([this] { run(); });
    }
    // False: it had been stopped before.
    bool stop() {
        if (!thread_.joinable()) return false;
        stopping_ = true;
        thread_.join();
        ::close(listener_);
        return true;
    }
    std::vector<std::string> questions() {
        const std::lock_guard lock(mutex_);
        return questions_;
    }
    int connections() const { return accepted_.load(); }  // since the first start
    std::size_t open_at_once() const { return open_at_once_.load(); }

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
                open_at_once_ = std::max(open_at_once_.load(), clients.size());
            }
        }
        for (const Client& client : clients)
            ::close(client.fd);
    }
    // False: the connection is over.
    bool serve(Client& client) {
        char buffer[8192];
        const ssize_t got = ::recv(client.fd, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        client.input.append(buffer, static_cast<std::size_t>(got));
        const std::optional<std::string> question = take_question_(client.input);
        if (!question) return true;
        EXPECT_TRUE(client.input.empty()) << "one question at a time";
        {
            const std::lock_guard lock(mutex_);
            questions_.push_back(*question);
        }
        const std::string answer = answer_(*question);
        if (answer == "close") return false;
        ::send(client.fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        return true;
    }

    const Listen listen_;
    const TakeQuestion take_question_;
    const Answer answer_;
    int listener_ = -1;
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_{0};
    std::atomic<std::size_t> open_at_once_{0};
    std::mutex mutex_;
    std::vector<std::string> questions_;
    std::thread thread_;
};

}  // namespace ringmx::recipients::test
