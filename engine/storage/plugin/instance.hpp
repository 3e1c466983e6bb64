// A plugin's instance, from its owner's side: opened with its options, given messages, asked what it has
// completed. The owner is a storage worker (plugin_backend.hpp) or a delivery (delivery/). It keeps the
// promises of ringmx/backend.h to the plugin, and does not trust the plugin to keep its own: completions are
// checked against what was submitted, so that a second one, one for nothing, or one after close() is counted
// and logged and does nothing.
//
// Functions are for the owner's thread, where they do not say "any thread"; completions come from any thread,
// without a lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/message_id.hpp"
#include "base/result.hpp"
#include "ringmx/backend.h"
#include "storage/backend.hpp"

namespace ringmx::storage::plugin {

using OptionList = std::vector<std::pair<std::string, std::string>>;  // an array: its name several times

// What an instance's host functions end in. Any thread.
class Services {
 public:
    virtual ~Services() = default;
    virtual void log(std::string_view backend, ringmx_log_level level, std::string_view text) = 0;
};

// A message to be submitted. What the views see is valid and constant until it is completed.
struct Submission {
    MessageId id;
    Bytes envelope;                // message/envelope.hpp; a malformed one is completed as reject
    std::span<const Bytes> spans;  // trace header and mail data; the list itself only during submit()
    std::uint64_t cookie = 0;      // the owner's, given back with the completion
};

struct Completion {
    std::uint64_t cookie = 0;
    StoreStatus status = StoreStatus::retry;  // stored, retry or reject
    std::string text;                         // at most limits::completion_text_octets_max octets
};

struct InstanceCounters {
    std::uint64_t submitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t retried = 0;
    std::uint64_t rejected = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t false_completions = 0;  // second ones, those for nothing, those after close()
};

struct InstanceOptions {
    OptionList options{};
    std::uint32_t in_flight_max = limits::plugin_in_flight_max;  // submit() refuses more
    // Called from any thread after a completion, at most once until take() has been called again. May be
    // empty.
    std::function<void()> wake{};
    // Whether wake() is called for what is completed within submit(), flush() and tick(), too. An owner that
    // calls take() after each of them saves itself the wake-up.
    bool wake_within_calls = true;
};

class Instance {
 public:
    // `backend` has been checked by load() (library.hpp) and stays loaded. Blocks while the plugin opens; if
    // it crashes in there, the process ends (crash_guard.hpp). `services` outlives the instance.
    static Result<std::unique_ptr<Instance>> open(const ringmx_backend& backend, InstanceOptions options,
                                                  Services& services);
    ~Instance();  // close()
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    std::string_view name() const;
    Durability durability() const;
    std::uint32_t in_flight() const;
    std::uint32_t in_flight_max() const;  // the lesser of the owner's and the plugin's own

    // Submits a batch; returns how many were taken: fewer when in_flight_max() is reached, none after
    // close().
    std::size_t submit(std::span<const Submission> batch);
    void flush();
    void tick();
    // Passes on what was completed since the last call, oldest first. `each` may call submit().
    void take(const std::function<void(const Completion&)>& each);
    // Closes the plugin's instance; what it has not completed is then taken as retry. Idempotent. May block.
    void close();

    // Any thread.
    InstanceCounters counters() const;
    // The plugin's own counters, by name, in the order in which it made them. Any thread.
    std::vector<std::pair<std::string, std::uint64_t>> plugin_counters() const;

 private:
    struct State;
    explicit Instance(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ringmx::storage::plugin
