// The sleep and wake protocol of storage/sleep_flag.hpp, checked in every interleaving of two threads that
// hand items to each other: a core sends requests and sleeps until their reports come, a worker answers each.
//
// Each side is a loop of small steps; the checker visits every reachable state. Plain stores go through a
// store buffer of one place, as on x86, and reach the other side at any later moment; read-modify-writes
// empty it first. A state in which neither side can move while an item waits is a lost wake-up. The broken
// variants show that the checker finds one.
#include <array>
#include <cstdint>
#include <set>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::storage {
namespace {

struct Protocol {
    bool look_again = true;            // after the announcement
    bool publish_before_claim = true;  // what the producer does first
    bool atomic_flag = true;           // the flag's accesses are read-modify-writes
};

enum class Step : std::uint8_t { take, publish, claim, send_wake, announce, look, sleep, awake };

// The two sides are 0, the core, and 1, the worker. Counts are small: two requests in all.
constexpr std::uint8_t kItems = 2;

struct Side {
    Step step = Step::take;
    std::uint8_t taken = 0;     // items popped from the queue towards this side
    std::uint8_t visible = 0;   // items that the other side can see in its queue from this side, ever
    std::uint8_t made = 0;      // items pushed, visible or in the store buffer
    bool sleeping = false;      // this side's flag, as memory has it
    bool flag_pending = false;  // a plain store of this side's flag waits in its store buffer
    bool flag_value = false;    // its value
    bool woken = false;         // a wake-up has been sent to this side
    bool must_wake = false;     // the claim found the other side asleep
    auto operator<=>(const Side&) const = default;
};
using State = std::array<Side, 2>;

class Checker {
 public:
    explicit Checker(Protocol protocol) : protocol_(protocol) {}

    // Visits everything; returns whether some state is stuck with work left.
    bool finds_lost_wake_up() {
        std::vector<State> open = {State{}};
        while (!open.empty()) {
            const State state = open.back();
            open.pop_back();
            if (!seen_.insert(state).second) continue;
            const std::size_t before = open.size();
            for (std::size_t me = 0; me < 2; ++me)
                moves(state, me, open);
            const bool done = state[0].taken == kItems;  // the core has every report
            if (open.size() == before && !done) return true;
        }
        return false;
    }
    std::size_t states() const { return seen_.size(); }

 private:
    static void drain(Side& side) {
        side.visible = side.made;
        if (side.flag_pending) side.sleeping = side.flag_value;
        side.flag_pending = false;
    }

    void set_flag(State& state, std::size_t me, bool value) const {
        Side& side = state[me];
        if (protocol_.atomic_flag) {
            drain(side);
            side.sleeping = value;
        } else {
            side.flag_pending = true;
            side.flag_value = value;
        }
    }

    void claim(State& state, std::size_t me) const {
        Side& other = state[1 - me];
        if (protocol_.atomic_flag) drain(state[me]);
        state[me].must_wake = other.sleeping;
        if (protocol_.atomic_flag) other.sleeping = false;
    }

    void moves(const State& from, std::size_t me, std::vector<State>& open) const {
        const Side& now = from[me];
        if (now.visible != now.made || now.flag_pending) {  // the store buffer empties by itself
            State next = from;
            drain(next[me]);
            open.push_back(next);
        }
        if (now.step == Step::sleep && !now.woken) return;
        if (me == 0 && now.taken == kItems) return;  // the core is done
        State next = from;
        step(next, me);
        open.push_back(next);
    }

    void step(State& state, std::size_t me) const {
        Side& side = state[me];
        const Side& other = state[1 - me];
        const Step publish_first = protocol_.publish_before_claim ? Step::publish : Step::claim;
        switch (side.step) {
            case Step::take:
                side.taken = other.visible;
                side.step = publish_first;
                break;
            case Step::publish: {
                // The core sends its requests one a turn; the worker answers what it has taken.
                const std::uint8_t target = me == 1 ? side.taken : static_cast<std::uint8_t>(side.made + 1);
                const bool any = side.made < kItems && side.made != target;
                if (any) side.made = target;
                side.step = !protocol_.publish_before_claim ? Step::send_wake
                            : any                           ? Step::claim
                                                            : Step::announce;
                break;
            }
            case Step::claim:
                claim(state, me);
                side.step = protocol_.publish_before_claim ? Step::send_wake : Step::publish;
                break;
            case Step::send_wake:
                if (side.must_wake) state[1 - me].woken = true;
                side.must_wake = false;
                side.step = Step::announce;
                break;
            case Step::announce:
                set_flag(state, me, true);
                side.step = protocol_.look_again ? Step::look : Step::sleep;
                break;
            case Step::look:
                side.step = other.visible != side.taken ? Step::awake : Step::sleep;
                break;
            case Step::sleep:
                side.woken = false;
                side.step = Step::awake;
                break;
            case Step::awake:
                set_flag(state, me, false);
                side.step = Step::take;
                break;
        }
    }

    Protocol protocol_;
    std::set<State> seen_;
};

TEST(WakeModel, NoWakeUpIsLost) {
    Checker checker{Protocol{}};
    EXPECT_FALSE(checker.finds_lost_wake_up());
    EXPECT_GT(checker.states(), 500u);  // it did look at something
}

TEST(WakeModel, WithoutTheSecondLookOneIsLost) {
    EXPECT_TRUE(Checker{Protocol{.look_again = false}}.finds_lost_wake_up());
}

TEST(WakeModel, ClaimingBeforePublishingLosesOne) {
    EXPECT_TRUE(Checker{Protocol{.publish_before_claim = false}}.finds_lost_wake_up());
}

TEST(WakeModel, PlainStoresAndLoadsLoseOne) {
    EXPECT_TRUE(Checker{Protocol{.atomic_flag = false}}.finds_lost_wake_up());
}

}  // namespace
}  // namespace ringmx::storage
