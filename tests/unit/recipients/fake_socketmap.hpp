// A socketmap service on a UNIX socket, for tests: it answers "NAME KEY" as a function says.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_service.hpp"

namespace ringmx::recipients::test {

class FakeSocketmap {
 public:
    FakeSocketmap(std::string path, FakeService::Answer answer)
        : path_(std::move(path)), service_([this] { return listen(); }, take_question, std::move(answer)) {}
    ~FakeSocketmap() { stop(); }

    void start() { service_.start(); }
    void stop() {
        if (service_.stop()) ::unlink(path_.c_str());
    }
    std::vector<std::string> questions() { return service_.questions(); }
    int connections() const { return service_.connections(); }

    static std::string netstring(const std::string& text) {
        return std::to_string(text.size()) + ":" + text + ",";
    }

 private:
    int listen() const {
        ::unlink(path_.c_str());
        const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        EXPECT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener, 16), 0);
        return listener;
    }
    static std::optional<std::string> take_question(std::string& input) {
        const std::size_t colon = input.find(':');
        if (colon == std::string::npos) return std::nullopt;
        const std::size_t length = std::stoul(input.substr(0, colon));
        if (input.size() < colon + length + 2) return std::nullopt;
        std::string question = input.substr(colon + 1, length);
        input.erase(0, colon + length + 2);
        return question;
    }

    const std::string path_;
    FakeService service_;
};

}  // namespace ringmx::recipients::test
