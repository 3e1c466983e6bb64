// A plugin inside the test program, as its author would write it with backend.hpp, and what an owner of an
// instance needs: submissions, a log that remembers.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../fakes.hpp"
#include "ringmx/backend.hpp"
#include "storage/plugin/instance.hpp"

namespace ringmx::storage::plugin {

// Does what the test says: `on_submit` gets each message.
class Puppet final : public ringmx::plugin::Backend {
 public:
    using Message = ringmx::plugin::Message;

    Puppet(ringmx::plugin::Host given, const ringmx::plugin::Options& options) : host(given) {
        if (options.flag("fail", false)) throw std::runtime_error("it was told to fail");
        list = options.all("list");
        in_flight = static_cast<std::uint32_t>(options.number("in_flight_max", 0, 0, 1000000));
        durable = static_cast<ringmx_durability>(options.number("durability", RINGMX_DURABLE_MACHINE, 0, 3));
        last = this;
    }
    ~Puppet() override { last = nullptr; }
    ringmx::plugin::Durability durability() const override { return durable; }
    std::uint32_t in_flight_max() const override { return in_flight; }
    void submit(std::span<const Message> messages) override {
        for (const Message& message : messages) {
            tokens.push_back(message.token());
            if (on_submit) on_submit(message);
        }
    }
    void flush() override { ++flushes; }
    void tick() override { ++ticks; }
    void close() override {
        if (on_close) on_close(*this);
    }

    static inline Puppet* last = nullptr;  // the one that was opened last, while it is open
    static inline std::function<void(Puppet&)> on_close;

    ringmx::plugin::Host host;
    std::vector<std::string> list;
    std::uint32_t in_flight = 0;
    ringmx_durability durable = RINGMX_DURABLE_MACHINE;
    std::function<void(const Message&)> on_submit;
    std::vector<std::uint64_t> tokens;
    int flushes = 0;
    int ticks = 0;
};

inline constexpr ringmx_backend kPuppet = ringmx::plugin::detail::describe<Puppet>("puppet", "1.0");

struct RecordingServices final : Services {
    void log(std::string_view backend, ringmx_log_level level, std::string_view text) override {
        const std::lock_guard lock(mutex);
        lines.push_back(std::string(backend) + " " + std::to_string(level) + " " + std::string(text));
    }
    std::mutex mutex;
    std::vector<std::string> lines;
};

// A submission whose memory lives as long as it does.
class TestSubmission {
 public:
    explicit TestSubmission(std::uint64_t cookie, std::uint8_t number = 1)
        : message_("alice@example.org", {"bob@example.com"}, number) {
        message_.put("Subject: test\r\n\r\n");
        const Bytes payload = message_.message.first->payload();
        spans_.push_back(payload.subspan(message_.message.envelope_bytes));
        submission.id = message_.message.id;
        submission.envelope = message_.message.envelope();
        submission.spans = spans_;
        submission.cookie = cookie;
    }
    Submission submission;

 private:
    TestMessage message_;
    std::vector<Bytes> spans_;
};

inline std::vector<Completion> take(Instance& instance) {
    std::vector<Completion> all;
    instance.take([&](const Completion& completion) { all.push_back(completion); });
    return all;
}

}  // namespace ringmx::storage::plugin
