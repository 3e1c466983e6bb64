// An engine as a program starts it, small, on a port of its own; and a backend that keeps what it is given.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "client.hpp"
#include "ringmx/engine.hpp"

namespace ringmx::embed::test {

using MailClient = server::test::Client;
using server::test::kPatienceSeconds;

inline Options small_options() {
    Options options;
    options.hostname = "mx.example.com";
    options.listen = {"127.0.0.1:0"};
    options.domains = {"example.com"};
    options.cores = 1;
    options.memory = std::uint64_t{96} << 20;
    options.storage = "discard";
    options.log = [](std::string_view) {};
    return options;
}

inline std::unique_ptr<Engine> start(Options options) {
    Error error;
    auto engine = Engine::start(std::move(options), error);
    EXPECT_NE(engine, nullptr) << error.text;
    EXPECT_EQ(error.failure, Failure::none);
    return engine;
}

inline Error failure(Options options) {
    Error error;
    EXPECT_EQ(Engine::start(std::move(options), error), nullptr);
    return error;
}

inline MailClient greeted(const Engine& engine) {
    MailClient client(engine.port());
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("EHLO client.example.org"), 250);
    return client;
}

constexpr std::string_view kText = "Subject: hello\r\n\r\nText\r\n";

// The reply to a whole message.
inline int deliver(MailClient& client) {
    if (!client.begin_message()) return 0;
    client.send(std::string(kText) + ".\r\n");
    return client.reply();
}

template <typename F>
bool comes_to(F condition) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + std::chrono::seconds(kPatienceSeconds);
    while (!condition()) {
        if (steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace ringmx::embed::test
