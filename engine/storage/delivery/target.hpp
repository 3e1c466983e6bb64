// Target: what a delivery and a fallback submit messages to: a plugin's instance, or a test's stand-in. The
// rules are those of plugin::Instance.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "storage/backend.hpp"
#include "storage/plugin/instance.hpp"
#include "storage/plugin/totals.hpp"

namespace ringmx::storage::delivery {

class Target {
 public:
    virtual ~Target() = default;
    virtual std::string_view name() const = 0;  // static storage duration
    virtual Durability durability() const = 0;
    // How many of the batch were taken; the others may be submitted again after a completion.
    virtual std::size_t submit(std::span<const plugin::Submission> batch) = 0;
    virtual void flush() = 0;
    virtual void tick() = 0;
    virtual void take(const std::function<void(const plugin::Completion&)>& each) = 0;
    // What was not completed is then taken as retry. May block.
    virtual void close() = 0;
};

// Opens a target on the calling thread, which owns it; `wake` is called from any thread after a completion.
using MakeTarget = std::function<Result<std::unique_ptr<Target>>(std::function<void()> wake)>;

// `totals`, which may be null, counts the instance in; `services` are the instance's, held with it.
std::unique_ptr<Target> make_target(std::unique_ptr<plugin::Instance> instance,
                                    std::shared_ptr<plugin::Totals> totals,
                                    std::shared_ptr<plugin::Services> services);

}  // namespace ringmx::storage::delivery
