// Lists that are replaced while cores look into them. Under the thread sanitizer this is the test of what
// crosses threads.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "recipients/recipient_list.hpp"

namespace ringmx::recipients {
namespace {

// Has one domain, "NUMBER", and tells when it is destroyed, and where.
class NumberedList final : public RecipientList {
 public:
    explicit NumberedList(int number, std::atomic<int>& alive, std::thread::id owner)
        : name_(std::to_string(number)), alive_(alive), owner_(owner) {
        ++alive_;
    }
    ~NumberedList() override {
        --alive_;
        EXPECT_EQ(std::this_thread::get_id(), owner_) << "a core must not free a list";
    }
    bool contains(const policy::RecipientKey& key) const override { return key.domain == name_; }
    std::uint64_t size() const override { return 1; }

 private:
    const std::string name_;
    std::atomic<int>& alive_;
    const std::thread::id owner_;
};

policy::Found find(ListLookup& lookup, int number) {
    const std::string domain = std::to_string(number);
    return lookup.find({}, {"a", {}, domain});
}

TEST(ListSlot, ALookUpSeesTheListThatWasSetLast) {
    std::atomic<int> alive{0};
    ListSlot slot;
    slot.set(std::make_shared<NumberedList>(1, alive, std::this_thread::get_id()));
    ListLookup lookup(slot);
    EXPECT_EQ(find(lookup, 1), policy::Found::yes);
    EXPECT_EQ(find(lookup, 2), policy::Found::no);
    auto before = slot.set(std::make_shared<NumberedList>(2, alive, std::this_thread::get_id()));
    EXPECT_EQ(before.use_count(), 2);
    EXPECT_EQ(find(lookup, 2), policy::Found::yes);
    EXPECT_EQ(find(lookup, 1), policy::Found::no);
    EXPECT_EQ(before.use_count(), 1);
}

TEST(ListSlot, ACoreWithNothingToLookUpLetsGoOfAnOldList) {
    std::atomic<int> alive{0};
    ListSlot slot;
    slot.set(std::make_shared<NumberedList>(1, alive, std::this_thread::get_id()));
    ListLookup lookup(slot);
    const auto before = slot.set(std::make_shared<NumberedList>(2, alive, std::this_thread::get_id()));
    lookup.collect();
    EXPECT_EQ(before.use_count(), 1);
}

TEST(ListSlot, CoresLookUpWhileListsAreReplaced) {
    constexpr int kLists = 300;
    std::atomic<int> alive{0};
    std::atomic<int> current{0};
    std::atomic<bool> stop{false};
    ListSlot slot;
    slot.set(std::make_shared<NumberedList>(0, alive, std::this_thread::get_id()));
    std::vector<std::thread> cores;
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
    for (int core = 0; core < 3; ++core) {
        cores.emplace_back([&] {
            ListLookup lookup(slot);
            while (!stop.load()) {
                // One that was current before the question or after it; none else has been set in between.
                const int before = current.load();
                bool seen = false;
                for (int number = before; number <= current.load() + 1 && !seen; ++number)
                    seen = find(lookup, number) == policy::Found::yes;
                if (!seen && current.load() == before) ++wrong;
                ++asked;
            }
        });
    }
    std::vector<RecipientListPtr> retired;
    for (int number = 1; number <= kLists; ++number) {
        retired.push_back(
            slot.set(std::make_shared<NumberedList>(number, alive, std::this_thread::get_id())));
        current = number;
        std::erase_if(retired, [](const auto& list) { return list.use_count() == 1; });
        const int target = asked.load() + 3;
        while (asked.load() < target)
            std::this_thread::yield();
    }
    stop = true;
    for (std::thread& core : cores)
        core.join();
    EXPECT_EQ(wrong.load(), 0);
    retired.clear();
    EXPECT_EQ(alive.load(), 1);
}

}  // namespace
}  // namespace ringmx::recipients
