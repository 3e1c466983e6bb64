// Cores that ask a service, and what its log says: for the tests of each protocol.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "recipients/lookup_service.hpp"
#include "recipients/service_lookup.hpp"

namespace ringmx::recipients::test {

using policy::Found;
using std::chrono::steady_clock;

// One core's side: it asks, and collects when it is woken.
class FakeCore final : public policy::Answers {
 public:
    FakeCore(unsigned index, LookupService& service, const ServiceTimes& times, std::size_t cache)
        : lookup_(index, service, times, cache, counters) {
        lookup_.attach(*this);
    }
    ~FakeCore() { lookup_.detach(); }

    void answer(policy::Ticket ticket, const Decision& decision) override {
        EXPECT_EQ(answered_.count(ticket.sequence), 0u) << "answered twice";
        answered_[ticket.sequence] = decision.reply.code;
    }
    void wake() override { woken_.store(true); }

    Found ask(std::string_view local_part, std::string_view domain = "example.com",
              std::string_view base = {}) {
        return lookup_.find({0, 0, ++asked_}, {local_part, base, domain});
    }
    // The answer to the last question: 0 for accepted, else the code of the reply; -1: none came.
    int outcome() { return outcome_of(asked_); }
    int outcome_of(std::uint32_t number) {
        const auto end = steady_clock::now() + std::chrono::seconds(30);
        while (answered_.count(number) == 0) {
            if (steady_clock::now() > end) return -1;
            if (woken_.exchange(false)) lookup_.collect();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return answered_[number];
    }
    int resolve(std::string_view local_part, std::string_view domain = "example.com",
                std::string_view base = {}) {
        const Found found = ask(local_part, domain, base);
        return found == Found::later ? outcome() : policy::decide(found).reply.code;
    }
    std::uint32_t asked() const { return asked_; }

    admin::CoreCounters counters;

 private:
    ServiceLookup lookup_;
    std::atomic<bool> woken_{false};
    std::uint32_t asked_ = 0;
    std::map<std::uint32_t, int> answered_;
};

class ServiceTest : public testing::Test {
 protected:
    static constexpr std::int64_t kSecond = 1'000'000'000;

    ServiceTest() {
        log_ = std::move(*admin::Log::open({.path = {}, .cores = 1, .sink = [this](std::string_view line) {
                                                const std::lock_guard lock(mutex_);
                                                lines_ += std::string(line) + "\n";
                                            }}));
        times_ = {10 * kSecond, 600 * kSecond, 600 * kSecond};
    }
    ~ServiceTest() override {
        end();
        log_->stop();
    }
    FakeCore& start_service(const LookupService::ClientMaker& make_client, std::size_t cache) {
        auto started = LookupService::start(service_options_, make_client, counters_, *log_);
        EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().message);
        service_ = std::move(*started);
        for (unsigned core = 0; core < service_options_.cores; ++core)
            cores_.push_back(std::make_unique<FakeCore>(core, *service_, times_, cache));
        return *cores_.front();
    }
    void end() {
        cores_.clear();
        service_.reset();
    }
    std::string lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    bool comes_to(const std::function<bool()>& condition) {
        const auto until = steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (steady_clock::now() > until) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return true;
    }
    // Every core asks on a thread of its own, eight at once and so often, for user0 to user199, of whom the
    // even ones exist: how many answers were wrong.
    int wrong_answers(int rounds) {
        std::vector<std::thread> threads;
        std::atomic<int> wrong{0};
        for (const auto& core : cores_) {
            threads.emplace_back([&wrong, rounds, core = core.get()] {
                for (int round = 0; round < rounds; ++round) {
                    std::vector<std::pair<std::uint32_t, int>> open;
                    for (int i = 0; i < 8; ++i) {
                        const int number = (round * 7 + i * 13) % 200;
                        const Found found = core->ask("user" + std::to_string(number));
                        if (found == Found::later) open.emplace_back(core->asked(), number);
                        if (found != Found::later && (found == Found::yes) != (number % 2 == 0)) ++wrong;
                    }
                    for (const auto& [sequence, number] : open) {
                        if (core->outcome_of(sequence) != (number % 2 == 0 ? 0 : 550)) ++wrong;
                    }
                }
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        return wrong.load();
    }

    ServiceOptions service_options_;
    ServiceTimes times_;
    admin::CoreCounters counters_;  // the service's
    std::mutex mutex_;
    std::string lines_;
    std::unique_ptr<admin::Log> log_;
    std::unique_ptr<LookupService> service_;
    std::vector<std::unique_ptr<FakeCore>> cores_;
};

}  // namespace ringmx::recipients::test
