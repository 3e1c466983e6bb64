// The order of delivery: each rule by itself, and all of them against random events (RINGMX_SEED=n repeats a
// run, RINGMX_SEEDS=n runs more).
#include "storage/delivery/scheduler.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "storage/delivery/domain_keys.hpp"

namespace ringmx::storage::delivery {
namespace {

using Key = Scheduler::Key;
constexpr std::uint64_t kA = 1;
constexpr std::uint64_t kB = 2;
constexpr std::uint64_t kC = 3;
constexpr std::int64_t kForEver = INT64_MAX;
constexpr std::uint64_t kMiddle =
    5000;  // a random number: tests that need exact times have no jitter to mind

SchedulerOptions wide() {
    return {.in_flight_max = 100,
            .octets_max = 1000,
            .known_max = 1000,
            .ready_max = 100,
            .waiting_domains_max = 10,
            .backoff = {kNsPerSecond, 60 * kNsPerSecond},
            .hold_ns = 300 * kNsPerSecond};
}

Key add(Scheduler& scheduler, std::vector<std::uint64_t> domains, std::uint64_t octets = 10) {
    return scheduler.add(octets, domains);
}

std::vector<Key> all_next(Scheduler& scheduler, std::int64_t now_ns) {
    std::vector<Key> keys;
    while (const auto key = scheduler.next(now_ns))
        keys.push_back(*key);
    return keys;
}

TEST(Scheduler, MessagesGoInTheOrderOfTheLogSeveralAtATime) {
    Scheduler scheduler(wide());
    const std::vector<Key> added = {add(scheduler, {kA}), add(scheduler, {kB}), add(scheduler, {kA}),
                                    add(scheduler, {kA, kB})};
    EXPECT_EQ(all_next(scheduler, 0), added);
    EXPECT_EQ(scheduler.in_flight(), 4u);
}

TEST(Scheduler, AMessageThatWaitsHoldsBackItsDomainAndNoOther) {
    Scheduler scheduler(wide());
    const Key first = add(scheduler, {kA});
    ASSERT_EQ(scheduler.next(0), first);
    scheduler.retry(first, 0, kMiddle);
    const Key second = add(scheduler, {kA});
    const Key other = add(scheduler, {kB});
    const Key both = add(scheduler, {kA, kB});
    const Key behind_both = add(scheduler, {kB});
    EXPECT_EQ(all_next(scheduler, 1), std::vector<Key>{other});
    scheduler.stored(other);
    EXPECT_EQ(scheduler.next(2), std::nullopt) << "the message for both waits, and the next one behind it";
    const std::int64_t due_ns = scheduler.due_ns();
    EXPECT_GE(due_ns, kNsPerSecond * 3 / 4);
    EXPECT_LE(due_ns, kNsPerSecond * 5 / 4);
    EXPECT_EQ(all_next(scheduler, due_ns), std::vector<Key>{first}) << "one at a time while the domain waits";
    scheduler.stored(first);
    EXPECT_EQ(all_next(scheduler, due_ns), (std::vector<Key>{second, both, behind_both}));
}

TEST(Scheduler, ManyFailuresAtOnceAreTriedAgainOneAtATimeAndInOrder) {
    Scheduler scheduler(wide());
    std::vector<Key> keys;
    for (int i = 0; i < 5; ++i)
        keys.push_back(add(scheduler, {kA}));
    ASSERT_EQ(all_next(scheduler, 0), keys);
    std::vector<Key> mixed = {keys[3], keys[1], keys[0], keys[4], keys[2]};
    for (const Key key : mixed)
        scheduler.retry(key, 0, kMiddle);
    const std::int64_t later = 100 * kNsPerSecond;
    EXPECT_EQ(all_next(scheduler, later), std::vector<Key>{keys[0]});
    scheduler.retry(keys[0], later, kMiddle);
    EXPECT_EQ(scheduler.next(later), std::nullopt);
    EXPECT_EQ(all_next(scheduler, 2 * later), std::vector<Key>{keys[0]});
    scheduler.stored(keys[0]);
    EXPECT_EQ(all_next(scheduler, 2 * later), std::vector<Key>(keys.begin() + 1, keys.end()));
}

TEST(Scheduler, TheWaitDoublesUpToTheMost) {
    const Backoff backoff{kNsPerSecond, 8 * kNsPerSecond};
    for (std::uint32_t failed = 1; failed < 200; ++failed) {
        const std::int64_t plain =
            std::min<std::int64_t>(std::int64_t{1} << std::min(failed - 1, 10u), 8) * kNsPerSecond;
        for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{123456789123}, UINT64_MAX}) {
            EXPECT_GE(backoff.delay_ns(failed, random), plain * 3 / 4);
            EXPECT_LE(backoff.delay_ns(failed, random), plain * 5 / 4);
        }
    }
}

TEST(Scheduler, WhatFailsForLongWhileOthersPassIsSetAside) {
    Scheduler scheduler(wide());
    const Key poison = add(scheduler, {kA});
    const Key behind = add(scheduler, {kA});
    ASSERT_EQ(scheduler.next(0), poison);
    scheduler.retry(poison, 0, kMiddle);
    // Nothing passes: the backend is away, and order is kept for as long as that lasts.
    std::int64_t now = 0;
    for (int i = 0; i < 20; ++i) {
        now += 400 * kNsPerSecond;
        ASSERT_EQ(all_next(scheduler, now), std::vector<Key>{poison});
        scheduler.retry(poison, now, kMiddle);
    }
    const Key other = add(scheduler, {kB});
    ASSERT_EQ(scheduler.next(now), other);
    scheduler.stored(other);
    now += 400 * kNsPerSecond;
    ASSERT_EQ(all_next(scheduler, now), std::vector<Key>{poison});
    scheduler.retry(poison, now, kMiddle);
    EXPECT_EQ(all_next(scheduler, now), std::vector<Key>{behind});
    now += 400 * kNsPerSecond;
    EXPECT_EQ(all_next(scheduler, now), std::vector<Key>{poison}) << "it goes on being tried";
    scheduler.retry(poison, now, kMiddle);
    scheduler.stored(behind);
    EXPECT_EQ(scheduler.waiting_domains(), 0u);
    now += 400 * kNsPerSecond;
    ASSERT_EQ(scheduler.next(now), poison);
    scheduler.rejected(poison);
    EXPECT_EQ(scheduler.messages(), 0u);
    EXPECT_EQ(scheduler.known(), 0u);
}

TEST(Scheduler, TheWindowBoundsMessagesAndOctetsAndALargeMessageGoesAlone) {
    SchedulerOptions options = wide();
    options.in_flight_max = 3;
    Scheduler scheduler(options);
    const Key large = add(scheduler, {kA}, 5000);
    const Key small = add(scheduler, {kB}, 600);
    const Key also = add(scheduler, {kC}, 600);
    EXPECT_EQ(all_next(scheduler, 0), std::vector<Key>{large});
    scheduler.stored(large);
    EXPECT_EQ(all_next(scheduler, 0), std::vector<Key>{small});
    scheduler.stored(small);
    EXPECT_EQ(all_next(scheduler, 0), std::vector<Key>{also});
    for (int i = 0; i < 5; ++i)
        add(scheduler, {kA}, 1);
    EXPECT_EQ(all_next(scheduler, 0).size(), 2u);
}

TEST(Scheduler, NoNewDomainIsBegunWhenTooManyWait) {
    SchedulerOptions options = wide();
    options.waiting_domains_max = 2;
    Scheduler scheduler(options);
    const Key one = add(scheduler, {kA});
    const Key two = add(scheduler, {kB});
    ASSERT_EQ(all_next(scheduler, 0).size(), 2u);
    scheduler.retry(one, 0, kMiddle);
    scheduler.retry(two, 0, kMiddle);
    const Key fresh = add(scheduler, {kC});
    EXPECT_EQ(scheduler.next(0), std::nullopt);
    ASSERT_EQ(all_next(scheduler, 10 * kNsPerSecond).size(), 2u);
    scheduler.stored(one);
    EXPECT_EQ(all_next(scheduler, 10 * kNsPerSecond), std::vector<Key>{fresh});
}

TEST(Scheduler, WhatWasNotSubmittedAfterAllGoesFirstAgain) {
    Scheduler scheduler(wide());
    const Key first = add(scheduler, {kA});
    const Key second = add(scheduler, {kA});
    ASSERT_EQ(scheduler.next(0), first);
    scheduler.put_back(first);
    EXPECT_EQ(all_next(scheduler, 0), (std::vector<Key>{first, second}));
}

TEST(DomainKeys, CaseDoesNotMatterAndPostmasterHasOne) {
    EXPECT_EQ(domain_key("a@Example.COM"), domain_key("\"b@c\"@example.com"));
    EXPECT_NE(domain_key("a@example.com"), domain_key("a@example.org"));
    EXPECT_EQ(domain_key("postmaster"), domain_key("x@"));
}

// --- the model: a backend that fails as it likes, and what must hold whatever it does
// ------------------------------------------

class Model {
 public:
    explicit Model(std::uint64_t seed) : random_(seed), options_(make_options()), scheduler_(options_) {}

    void run() {
        const std::size_t total = 50 + random_() % 300;
        std::uint64_t turns = 0;
        while (ended_ < total) {
            ASSERT_LT(++turns, 2'000'000u) << "it does not come to an end";
            const std::uint64_t what = random_() % 10;
            if (what < 3 && added_ < total && scheduler_.wants_more()) {
                add();
            } else if (what < 7) {
                start();
            } else if (!under_way_.empty()) {
                end_one(turns > 100'000);
            } else if (scheduler_.due_ns() != Scheduler::kNever) {
                now_ = std::max(now_, scheduler_.due_ns());
            }
            now_ += static_cast<std::int64_t>(random_() % kNsPerMs);
            ASSERT_NO_FATAL_FAILURE(check());
        }
        EXPECT_EQ(scheduler_.messages(), 0u);
        EXPECT_EQ(scheduler_.known(), 0u);
        EXPECT_EQ(scheduler_.waiting_domains(), 0u);
        EXPECT_EQ(scheduler_.due_ns(), Scheduler::kNever);
    }

 private:
    struct Sent {
        std::vector<std::uint64_t> domains;
        std::uint64_t octets = 0;
        bool failed = false;  // at least once
        bool under_way = false;
    };

    SchedulerOptions make_options() {
        SchedulerOptions options = wide();
        options.in_flight_max = up_to(20);
        options.octets_max = 100 + random_() % 2000;
        options.known_max = up_to(60);
        options.ready_max = up_to(20);
        options.waiting_domains_max = up_to(6);
        options.hold_ns =
            random_() % 2 == 0 ? kForEver : static_cast<std::int64_t>(random_() % 100) * kNsPerSecond;
        return options;
    }

    std::uint32_t up_to(std::uint32_t most) { return 1 + static_cast<std::uint32_t>(random_() % most); }

    void add() {
        Sent message;
        for (std::uint64_t i = 0; i <= random_() % 3; ++i)
            message.domains.push_back(random_() % 8);
        message.octets = random_() % 20 == 0 ? 5000 : 1 + random_() % 300;
        const Key key = scheduler_.add(message.octets, message.domains);
        ++added_;
        messages_.emplace(key, message);
    }

    void start() {
        const auto key = scheduler_.next(now_);
        if (!key) return;
        auto found = messages_.find(*key);
        ASSERT_NE(found, messages_.end()) << "a message that has ended";
        ASSERT_FALSE(found->second.under_way);
        // Order: nothing older of the same domain is still to be begun, unless it was set aside.
        for (const auto& [other, message] : messages_) {
            if (other >= *key) break;
            if (message.under_way || !shares_domain(message, found->second)) continue;
            ASSERT_TRUE(message.failed && options_.hold_ns != kForEver)
                << "message " << *key << " passes " << other;
        }
        if (random_() % 50 == 0) {
            scheduler_.put_back(*key);
            return;
        }
        found->second.under_way = true;
        under_way_.push_back(*key);
    }

    void end_one(bool kindly) {
        const std::size_t index = random_() % under_way_.size();
        const Key key = under_way_[index];
        under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(index));
        Sent& message = messages_.at(key);
        // Weather by domain, changing all the time.
        if (random_() % 40 == 0) bad_ = random_() % 256;
        const bool bad = std::any_of(message.domains.begin(), message.domains.end(),
                                     [&](std::uint64_t domain) { return (bad_ >> domain & 1) != 0; });
        if (!kindly && (bad || random_() % 10 == 0)) {
            message.failed = true;
            message.under_way = false;
            scheduler_.retry(key, now_, random_());
            return;
        }
        ++ended_;
        messages_.erase(key);
        random_() % 8 == 0 ? scheduler_.rejected(key) : scheduler_.stored(key);
    }

    static bool shares_domain(const Sent& a, const Sent& b) {
        return std::any_of(a.domains.begin(), a.domains.end(), [&](std::uint64_t domain) {
            return std::find(b.domains.begin(), b.domains.end(), domain) != b.domains.end();
        });
    }

    void check() {
        std::uint64_t octets = 0;
        for (const Key key : under_way_)
            octets += messages_.at(key).octets;
        ASSERT_EQ(scheduler_.in_flight(), under_way_.size());
        ASSERT_EQ(scheduler_.octets_in_flight(), octets);
        ASSERT_LE(under_way_.size(), options_.in_flight_max);
        ASSERT_TRUE(octets <= options_.octets_max || under_way_.size() == 1);
        ASSERT_LE(scheduler_.known(), options_.known_max + 3);
        ASSERT_EQ(scheduler_.messages(), messages_.size());
        if (messages_.empty()) return;
        ASSERT_EQ(scheduler_.oldest(), messages_.begin()->first);
    }

    std::mt19937_64 random_;
    SchedulerOptions options_;
    Scheduler scheduler_;
    std::map<Key, Sent> messages_;
    std::vector<Key> under_way_;
    std::size_t added_ = 0;
    std::size_t ended_ = 0;
    std::uint64_t bad_ = 0;
    std::int64_t now_ = 1;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SchedulerModel, EveryMessageEndsOnceInOrderAndWithinTheBounds) {
#ifdef RINGMX_TEST_SANITIZER
    constexpr std::uint64_t seeds_by_default = 20;
#else
    constexpr std::uint64_t seeds_by_default = 150;
#endif
    const std::uint64_t only = from_environment("RINGMX_SEED", 0);
    const std::uint64_t seeds = from_environment("RINGMX_SEEDS", seeds_by_default);
    for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : seeds); ++seed) {
        SCOPED_TRACE("RINGMX_SEED=" + std::to_string(seed));
        Model(seed).run();
        if (testing::Test::HasFailure()) break;
    }
}

}  // namespace
}  // namespace ringmx::storage::delivery
