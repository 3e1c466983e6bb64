// Stress: when connections or message memory run short, clients that keep the server waiting have less time,
// and those that make errors fewer of them (stress.* in the configuration), until there is room again.
#include <algorithm>
#include <cstdio>

#include "server/core.hpp"
#include "server/transaction_log.hpp"

namespace ringmx::server {

namespace {

constexpr std::uint64_t kWhole = 100;  // percent

// The lesser of two limits; 0 is none.
std::uint32_t lesser(std::uint32_t usual, std::uint32_t under_stress) {
    return usual == 0 ? under_stress : std::min(usual, under_stress);
}

}  // namespace

// With every tick. It ends below where it began, so that it does not come and go with every client.
void Core::check_stress() {
    const std::uint64_t begin = options_.config.stress.begin_percent;
    if (begin == 0) return;
    const std::uint64_t connections = connections_->open_count() * kWhole / options_.connections_max;
    const std::uint64_t memory = slabs_->bytes_in_use() * kWhole / slabs_->bytes_max();
    const std::uint64_t most = std::max(connections, memory);
    if (!stressed_ && most >= begin) begin_stress(memory > connections, most);
    if (stressed_ && most < begin * limits::stress_end_percent / kWhole) end_stress();
    if (stressed_) hurry_some();
    options_.counters.stressed.set(stressed_ ? 1 : 0);
}

void Core::begin_stress(bool memory, std::uint64_t percent) {
    stressed_ = true;
    hurry_next_ = 0;
    const config::StressConfig& stress = options_.config.stress;
    session_.errors_max = lesser(session_.errors_max, stress.errors_max);
    session_.recipients_refused_max = lesser(session_.recipients_refused_max, stress.recipients_refused_max);
    std::array<char, 32> text;
    const int length =
        std::snprintf(text.data(), text.size(), "%u %% in use", static_cast<unsigned>(percent));
    admin::EventRecord record = event_record(*this, "stress_begins");
    record.level = admin::LogLevel::warning;
    record.detail = memory ? "memory" : "connections";
    record.text = {text.data(), static_cast<std::size_t>(length)};
    options_.log.write(record);
}

void Core::end_stress() {
    stressed_ = false;
    session_.errors_max = options_.session.errors_max;
    session_.recipients_refused_max = options_.session.recipients_refused_max;
    options_.log.write(event_record(*this, "stress_ends"));
}

// Connections that have their deadlines from before: all of them within a few ticks.
void Core::hurry_some() {
    const std::uint32_t slots = connections_->slots();
    const std::uint32_t end = std::min(slots, hurry_next_ + slots / limits::stress_sweep_ticks + 1);
    for (; hurry_next_ < end; ++hurry_next_) {
        if (Connection* connection = connections_->at(hurry_next_)) connection->hurry();
    }
}

}  // namespace ringmx::server
