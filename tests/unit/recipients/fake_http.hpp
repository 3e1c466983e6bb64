// An HTTP service on a port of loopback, for tests: it answers each request's target,
// "/r/alice%40example.com", as a function says.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fake_service.hpp"

namespace ringmx::recipients::test {

class FakeHttp {
 public:
    explicit FakeHttp(FakeService::Answer answer)
        : service_([this] { return listen(); }, [this](std::string& input) { return take_target(input); },
                   std::move(answer)) {}

    void start() { service_.start(); }
    void stop() { service_.stop(); }
    std::string url(const std::string& rest) const {
        return "http://127.0.0.1:" + std::to_string(port_) + rest;
    }
    std::vector<std::string> targets() { return service_.questions(); }
    std::string last_request() {
        const std::lock_guard lock(mutex_);
        return last_request_;
    }
    int connections() const { return service_.connections(); }
    std::size_t open_at_once() const { return service_.open_at_once(); }

    static std::string reply(int status, const std::string& body = {}) {
        const std::string length =
            status == 204 ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
        return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n" + length + "\r\n" + body;
    }

 private:
    // The port is chosen at the first start.
    int listen() {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port_);
        EXPECT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        socklen_t octets = sizeof address;
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &octets);
        port_ = ntohs(address.sin_port);
        EXPECT_EQ(::listen(listener, 64), 0);
        return listener;
    }
    std::optional<std::string> take_target(std::string& input) {
        if (!input.ends_with("\r\n\r\n")) return std::nullopt;
        const std::string request = std::exchange(input, {});
        EXPECT_TRUE(request.starts_with("GET ")) << request;
        const std::lock_guard lock(mutex_);
        last_request_ = request;
        return request.substr(4, request.find(' ', 4) - 4);
    }

    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::string last_request_;
    FakeService service_;  // last: its thread uses the others
};

}  // namespace ringmx::recipients::test
