// What a plugin holds of its instance: the ringmx_host, whose functions end in a HostTarget. A plugin may
// keep the pointer longer than it should (a thread that was not stopped), so the host itself, a few words, is
// never freed; detach() makes every function do nothing, and returns when no thread is inside one any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ringmx/backend.h"

namespace ringmx::storage::plugin {

// Any thread. What a plugin gives as an enumeration comes as its number: it may be none of the known ones.
class HostTarget {
 public:
    virtual void complete(std::uint64_t token, std::uint32_t status, std::string_view text) = 0;
    virtual void log(std::uint32_t level, std::string_view text) = 0;
    virtual ringmx_counter* counter(std::string_view name) = 0;
    virtual void count(ringmx_counter* counter, std::uint64_t add) = 0;
    virtual void* allocate(std::size_t octets) = 0;  // null: none left, or detached

 protected:
    ~HostTarget() = default;
};

// The number in an enumeration that a plugin has filled in, without taking it for one of the enumerators.
template <typename Enum>
std::uint32_t number_of(const Enum& value) {
    static_assert(sizeof(Enum) == sizeof(std::uint32_t));
    std::uint32_t number = 0;
    std::memcpy(&number, &value, sizeof number);
    return number;
}

class HostSide : public ringmx_host {
 public:
    static HostSide* make(HostTarget& target);
    void detach();

    HostSide(const HostSide&) = delete;
    HostSide& operator=(const HostSide&) = delete;

    // Runs f with the target, unless it is gone.
    template <typename F>
    void with_target(F&& f) {
        inside_.fetch_add(1);  // sequentially consistent: either it is seen by detach(), or sees the null
        if (HostTarget* const target = target_.load()) f(*target);
        inside_.fetch_sub(1);
    }

 private:
    explicit HostSide(HostTarget& target);
    std::atomic<HostTarget*> target_;
    std::atomic<std::uint64_t> inside_{0};
};

}  // namespace ringmx::storage::plugin
