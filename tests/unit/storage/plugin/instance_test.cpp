// An instance keeps the promises of backend.h to its plugin, and survives every promise that a plugin breaks.
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "test_plugin.hpp"

namespace ringmx::storage::plugin {
namespace {

class PluginInstance : public testing::Test {
 protected:
    void TearDown() override { Puppet::on_close = nullptr; }
    void open(InstanceOptions options = {}) {
        auto opened = Instance::open(kPuppet, std::move(options), services_);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        instance_ = std::move(*opened);
        puppet_ = Puppet::last;
    }
    std::string open_error(OptionList options) {
        auto opened = Instance::open(kPuppet, {.options = std::move(options)}, services_);
        return opened.ok() ? "" : opened.error().message;
    }
    std::uint64_t submit(std::uint64_t cookie) {
        TestSubmission& one = submissions_.emplace_back(cookie);
        EXPECT_EQ(instance_->submit({&one.submission, 1}), 1u);
        return puppet_->tokens.back();
    }

    RecordingServices services_;
    std::deque<TestSubmission> submissions_;
    std::unique_ptr<Instance> instance_;
    Puppet* puppet_ = nullptr;
};

TEST_F(PluginInstance, PassesOptionsAndTellsWhatThePluginDeclares) {
    open({.options = {{"list", "one"}, {"in_flight_max", "7"}, {"list", "two"}, {"durability", "3"}}});
    EXPECT_EQ(puppet_->list, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(instance_->name(), "puppet");
    EXPECT_EQ(instance_->durability(), Durability::replicated);
    EXPECT_EQ(instance_->in_flight_max(), 7u);
}

TEST_F(PluginInstance, SaysWhyItCouldNotBeOpened) {
    EXPECT_EQ(open_error({{"fail", "true"}}),
              "storage backend \"puppet\" could not be opened: it was told to fail");
    EXPECT_EQ(open_error({{"lits", "a"}}),
              "storage backend \"puppet\" could not be opened: unknown option lits");
    EXPECT_EQ(Puppet::last, nullptr);
}

TEST_F(PluginInstance, ADurabilityThatDoesNotExistIsAnError) {
    ringmx_backend backend = kPuppet;
    backend.open = [](const ringmx_host* host, const ringmx_option* options, std::uint32_t count,
                      ringmx_instance* instance, char* error, std::size_t error_octets) {
        const int failed = kPuppet.open(host, options, count, instance, error, error_octets);
        const std::uint32_t unknown = 9;
        std::memcpy(&instance->durability, &unknown, sizeof unknown);
        return failed;
    };
    const auto opened = Instance::open(backend, {}, services_);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().message, "storage backend \"puppet\" declares a durability that does not exist");
    EXPECT_EQ(Puppet::last, nullptr);  // what was opened has been closed again
}

TEST_F(PluginInstance, CompletesInTheOrderOfCompletionWithTexts) {
    open();
    const std::uint64_t first = submit(11), second = submit(12), third = submit(13);
    puppet_->host.retry(second, "later");
    puppet_->host.stored(third);
    puppet_->host.reject(first, std::string(300, 'x'));
    const auto completions = take(*instance_);
    ASSERT_EQ(completions.size(), 3u);
    EXPECT_EQ(completions[0].cookie, 12u);
    EXPECT_EQ(completions[0].status, StoreStatus::retry);
    EXPECT_EQ(completions[0].text, "later");
    EXPECT_EQ(completions[1].cookie, 13u);
    EXPECT_EQ(completions[1].status, StoreStatus::stored);
    EXPECT_EQ(completions[2].cookie, 11u);
    EXPECT_EQ(completions[2].status, StoreStatus::reject);
    EXPECT_EQ(completions[2].text, std::string(200, 'x'));
    const InstanceCounters counters = instance_->counters();
    EXPECT_EQ(counters.submitted, 3u);
    EXPECT_EQ(counters.stored, 1u);
    EXPECT_EQ(counters.retried, 1u);
    EXPECT_EQ(counters.rejected, 1u);
    EXPECT_EQ(counters.in_flight, 0u);
    EXPECT_TRUE(take(*instance_).empty());
}

TEST_F(PluginInstance, ASecondCompletionIsCountedLoggedAndDoesNothing) {
    open();
    const std::uint64_t token = submit(1);
    puppet_->host.stored(token);
    puppet_->host.reject(token, "no");
    EXPECT_EQ(take(*instance_).size(), 1u);
    puppet_->host.stored(token);  // taken meanwhile
    const std::uint64_t again = submit(2);
    EXPECT_NE(again, token);  // the slot of the first, in its next life
    puppet_->host.stored(token);
    EXPECT_TRUE(take(*instance_).empty());
    EXPECT_EQ(instance_->in_flight(), 1u);
    EXPECT_EQ(instance_->counters().false_completions, 3u);
    ASSERT_EQ(services_.lines.size(), 3u);
    EXPECT_TRUE(services_.lines[0].starts_with("puppet 2 completed submission ")) << services_.lines[0];
}

TEST_F(PluginInstance, ACompletionForNothingIsCounted) {
    open();
    submit(1);
    for (const std::uint64_t token : {std::uint64_t{0}, std::uint64_t{4096}, UINT64_MAX})
        puppet_->host.stored(token);
    EXPECT_TRUE(take(*instance_).empty());
    EXPECT_EQ(instance_->counters().false_completions, 3u);
}

TEST_F(PluginInstance, ATokenOfAnotherInstanceIsNotTaken) {
    open();
    const std::uint64_t token = submit(1);
    const auto other = Instance::open(kPuppet, {}, services_);
    ASSERT_TRUE(other.ok());
    TestSubmission one(2);
    ASSERT_EQ((*other)->submit({&one.submission, 1}), 1u);
    Puppet::last->host.stored(token);
    EXPECT_EQ((*other)->counters().false_completions, 1u);
    EXPECT_EQ((*other)->in_flight(), 1u);
}

TEST_F(PluginInstance, FalseCompletionsDoNotFloodTheLog) {
    open();
    for (int i = 0; i < 1000; ++i)
        puppet_->host.stored(0);
    EXPECT_EQ(instance_->counters().false_completions, 1000u);
    EXPECT_EQ(services_.lines.size(), 8u + 6u);  // 1 to 8, then 16, 32, 64, 128, 256, 512
}

// As a plugin in C may: there, an enumeration holds any number.
__attribute__((no_sanitize("undefined"))) void complete_with(const ringmx_host* host, std::uint64_t token,
                                                             ringmx_status status) {
    host->complete(host, token, status, nullptr, 0);
}

TEST_F(PluginInstance, AnUnknownStatusIsRetry) {
    open();
    const std::uint64_t token = submit(1);
    const std::uint32_t unknown = 77;
    ringmx_status status;
    std::memcpy(&status, &unknown, sizeof status);
    complete_with(puppet_->host.raw(), token, status);
    const auto completions = take(*instance_);
    ASSERT_EQ(completions.size(), 1u);
    EXPECT_EQ(completions[0].status, StoreStatus::retry);
    EXPECT_FALSE(completions[0].text.empty());
}

TEST_F(PluginInstance, TakesNoMoreThanItsLimit) {
    open({.options = {{"in_flight_max", "3"}}});
    std::vector<Submission> batch;
    for (std::uint64_t cookie = 0; cookie < 5; ++cookie)
        batch.push_back(submissions_.emplace_back(cookie).submission);
    EXPECT_EQ(instance_->submit(batch), 3u);
    EXPECT_EQ(instance_->submit(batch), 0u);
    puppet_->host.stored(puppet_->tokens[1]);
    EXPECT_EQ(instance_->submit(batch), 0u);  // completed, and not yet taken
    EXPECT_EQ(take(*instance_).size(), 1u);
    EXPECT_EQ(instance_->submit(std::span(batch).subspan(3)), 1u);
}

TEST_F(PluginInstance, WhatIsLeftAtCloseIsRetry) {
    open();
    const std::uint64_t first = submit(1), second = submit(2);
    submit(3);
    puppet_->host.stored(second);
    Puppet::on_close = [&](Puppet& puppet) { puppet.host.stored(first); };  // completing in close() counts
    const ringmx::plugin::Host host = puppet_->host;
    const std::uint64_t third = puppet_->tokens[2];
    instance_->close();
    instance_->close();
    EXPECT_EQ(Puppet::last, nullptr);
    host.stored(third);  // after close(): false
    const auto completions = take(*instance_);
    ASSERT_EQ(completions.size(), 3u);
    EXPECT_EQ(completions[0].cookie, 2u);
    EXPECT_EQ(completions[1].cookie, 1u);
    EXPECT_EQ(completions[1].status, StoreStatus::stored);
    EXPECT_EQ(completions[2].cookie, 3u);
    EXPECT_EQ(completions[2].status, StoreStatus::retry);
    EXPECT_FALSE(completions[2].text.empty());
    EXPECT_EQ(instance_->counters().false_completions, 1u);
    TestSubmission late(4);
    EXPECT_EQ(instance_->submit({&late.submission, 1}), 0u);
}

TEST_F(PluginInstance, AHostThatIsUsedAfterItsInstanceDoesNothing) {
    open();
    const std::uint64_t token = submit(1);
    const ringmx::plugin::Host host = puppet_->host;
    ringmx_counter* const counter = host.counter("unknown");
    instance_.reset();
    services_.lines.clear();
    host.stored(token);
    host.log(RINGMX_LOG_INFO, "too late");
    host.count(counter);
    EXPECT_TRUE(services_.lines.empty());
}

TEST_F(PluginInstance, AMalformedEnvelopeIsRejectedWithoutThePlugin) {
    open();
    TestSubmission one(9);
    one.submission.envelope = one.submission.envelope.first(3);
    EXPECT_EQ(instance_->submit({&one.submission, 1}), 1u);
    EXPECT_TRUE(puppet_->tokens.empty());
    const auto completions = take(*instance_);
    ASSERT_EQ(completions.size(), 1u);
    EXPECT_EQ(completions[0].cookie, 9u);
    EXPECT_EQ(completions[0].status, StoreStatus::reject);
}

TEST_F(PluginInstance, WakesOnceUntilTaken) {
    std::atomic<int> wakes{0};
    open({.wake = [&] { ++wakes; }});
    const std::uint64_t first = submit(1), second = submit(2), third = submit(3);
    puppet_->host.stored(first);
    puppet_->host.stored(second);
    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(take(*instance_).size(), 2u);
    std::thread([&] { puppet_->host.stored(third); }).join();
    EXPECT_EQ(wakes, 2);
    puppet_->on_submit = [&](const Puppet::Message& message) { puppet_->host.stored(message.token()); };
    EXPECT_EQ(take(*instance_).size(), 1u);
    submit(4);
    EXPECT_EQ(wakes, 3);
}

TEST_F(PluginInstance, NeedNotWakeItsOwnerOutOfItsOwnCall) {
    std::atomic<int> wakes{0};
    open({.wake = [&] { ++wakes; }, .wake_within_calls = false});
    puppet_->on_submit = [&](const Puppet::Message& message) { puppet_->host.stored(message.token()); };
    submit(1);
    EXPECT_EQ(wakes, 0);
    EXPECT_EQ(take(*instance_).size(), 1u);
    puppet_->on_submit = nullptr;
    const std::uint64_t token = submit(2);
    puppet_->host.stored(token);
    EXPECT_EQ(wakes, 1);
}

TEST_F(PluginInstance, MaySubmitWhileItTakes) {
    open({.options = {{"in_flight_max", "1"}}});
    puppet_->on_submit = [&](const Puppet::Message& message) { puppet_->host.stored(message.token()); };
    submit(1);
    std::vector<std::uint64_t> cookies;
    instance_->take([&](const Completion& completion) {
        cookies.push_back(completion.cookie);
        if (completion.cookie < 5) submit(completion.cookie + 1);
    });
    while (instance_->in_flight() > 0) {
        instance_->take([&](const Completion& completion) {
            cookies.push_back(completion.cookie);
            if (completion.cookie < 5) submit(completion.cookie + 1);
        });
    }
    EXPECT_EQ(cookies, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(PluginInstance, FlushAndTickReachThePlugin) {
    open();
    instance_->flush();
    instance_->flush();
    instance_->tick();
    EXPECT_EQ(puppet_->flushes, 2);
    EXPECT_EQ(puppet_->ticks, 1);
}

// --- the host's functions

// Makes counters in its constructor, where it is allowed.
class Counting final : public ringmx::plugin::Backend {
 public:
    Counting(ringmx::plugin::Host given, const ringmx::plugin::Options&) : host(given) {
        sent = host.counter("sent");
        EXPECT_EQ(host.counter("sent"), sent);
        for (const char* bad : {"", "a b", "a.b", "ä"})
            EXPECT_EQ(host.counter(bad), nullptr) << bad;
        for (int i = 1; i < 32; ++i)
            EXPECT_NE(host.counter(("more_" + std::to_string(i)).c_str()), nullptr);
        EXPECT_EQ(host.counter("one_too_many"), nullptr);
        last = this;
    }
    ringmx::plugin::Durability durability() const override { return RINGMX_DURABLE_NONE; }
    void submit(std::span<const ringmx::plugin::Message>) override {}
    static inline Counting* last = nullptr;
    ringmx::plugin::Host host;
    ringmx_counter* sent = nullptr;
};

TEST_F(PluginInstance, ThePluginHasCountersOfItsOwn) {
    static constexpr ringmx_backend counting = ringmx::plugin::detail::describe<Counting>("counting", "1");
    auto opened = Instance::open(counting, {}, services_);
    ASSERT_TRUE(opened.ok());
    Counting& plugin = *Counting::last;
    EXPECT_EQ(plugin.host.counter("sent"), plugin.sent);  // found, though open() has returned
    plugin.host.count(plugin.sent, 5);
    std::thread([&] { plugin.host.count(plugin.sent, 2); }).join();
    const auto values = (*opened)->plugin_counters();
    ASSERT_EQ(values.size(), 32u);
    EXPECT_EQ(values[0], (std::pair<std::string, std::uint64_t>{"sent", 7}));
    EXPECT_EQ(values[31].first, "more_31");
}

TEST_F(PluginInstance, CountersAreMadeInOpenOnly) {
    open();
    EXPECT_EQ(puppet_->host.counter("late"), nullptr);
}

TEST_F(PluginInstance, GivesAlignedMemoryFromAnyThread) {
    open();
    const ringmx_host* const host = puppet_->host.raw();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([host] {
            for (std::size_t octets : {std::size_t{0}, std::size_t{1}, std::size_t{17}, std::size_t{4096}}) {
                void* const memory = host->allocate(host, octets);
                EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 16, 0u);
                std::memset(memory, 0xee, octets);
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

TEST_F(PluginInstance, GivesTheClocks) {
    open();
    const Now before = read_clock();
    const std::int64_t mono = puppet_->host.monotonic_ns(), wall = puppet_->host.wall_us();
    const Now after = read_clock();
    EXPECT_GE(mono, before.mono_ns);
    EXPECT_LE(mono, after.mono_ns);
    EXPECT_GE(wall, before.wall_us);
}

TEST_F(PluginInstance, LogLinesAreCut) {
    open();
    puppet_->host.log(RINGMX_LOG_WARNING, std::string(10000, 'x'));
    ASSERT_EQ(services_.lines.size(), 1u);
    EXPECT_EQ(services_.lines[0], "puppet 1 " + std::string(limits::plugin_log_octets_max, 'x'));
}

// --- threads

#ifdef RINGMX_TEST_SANITIZER
constexpr std::uint64_t kMessages = 20000;
#else
constexpr std::uint64_t kMessages = 200000;
#endif

// Every submission is completed by two threads, which race for it, and some once more: each comes out once.
TEST_F(PluginInstance, ThreadsThatRaceForACompletionCompleteItOnce) {
    std::atomic<std::uint64_t> wakes{0};
    open({.in_flight_max = 64, .wake = [&] {
              ++wakes;
              wakes.notify_one();
          }});
    constexpr std::size_t kThreads = 3;
    std::array<std::mutex, kThreads> mutexes;
    std::array<std::deque<std::uint64_t>, kThreads> work;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> completions{0};
    puppet_->on_submit = [&](const Puppet::Message& message) {
        for (std::size_t i = 0; i < 2; ++i) {
            const std::size_t to = (message.token() + i) % kThreads;
            const std::lock_guard lock(mutexes[to]);
            work[to].push_back(message.token());
        }
        puppet_->tokens.clear();
    };
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < kThreads; ++index) {
        threads.emplace_back([&, index] {
            for (;;) {
                const bool last = stop.load();
                std::deque<std::uint64_t> mine;
                {
                    const std::lock_guard lock(mutexes[index]);
                    mine.swap(work[index]);
                }
                for (const std::uint64_t token : mine) {
                    puppet_->host.complete(token, RINGMX_STORED, "done");
                    completions.fetch_add(1);
                }
                if (last && mine.empty()) return;
                if (mine.empty()) std::this_thread::yield();
            }
        });
    }
    TestSubmission one(0);
    std::vector<std::uint8_t> seen(kMessages, 0);
    std::uint64_t next = 0, done = 0;
    while (done < kMessages) {
        const std::uint64_t before = wakes.load();
        while (next < kMessages && instance_->in_flight() < instance_->in_flight_max()) {
            one.submission.cookie = next++;
            ASSERT_EQ(instance_->submit({&one.submission, 1}), 1u);
        }
        std::uint64_t taken = 0;
        instance_->take([&](const Completion& completion) {
            ++seen[completion.cookie];
            EXPECT_EQ(completion.text, "done");
            ++taken;
        });
        done += taken;
        if (taken == 0 && done < kMessages) wakes.wait(before);  // a lost wake-up would hang here
    }
    stop.store(true);
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(kMessages));
    EXPECT_EQ(completions, 2 * kMessages);
    EXPECT_EQ(instance_->counters().false_completions, kMessages);
    EXPECT_EQ(instance_->counters().stored, kMessages);
}

// A thread that the plugin did not stop goes on completing while the instance is closed and destroyed.
TEST_F(PluginInstance, AThreadThatOutlivesItsInstanceDoesNoHarm) {
    for (int round = 0; round < 50; ++round) {
        open({.in_flight_max = 256});
        std::atomic<bool> stop{false}, started{false};
        for (std::uint64_t cookie = 0; cookie < 256; ++cookie)
            submit(cookie);
        std::thread late([&, host = puppet_->host, tokens = puppet_->tokens] {
            while (!stop.load()) {
                for (const std::uint64_t token : tokens) {
                    started.store(true);
                    host.stored(token);
                }
            }
        });
        while (!started.load() && round % 4 != 0)
            std::this_thread::yield();
        instance_->close();
        EXPECT_EQ(take(*instance_).size(), 256u);
        instance_.reset();
        stop.store(true);
        late.join();
        submissions_.clear();
    }
}

}  // namespace
}  // namespace ringmx::storage::plugin
