#include "stats.hpp"

#include <numeric>

namespace ringmx::load {

std::string_view name_of(Phase phase) {
    constexpr std::array<std::string_view, kPhases> kNames = {"connect",  "tls",  "banner", "ehlo",
                                                              "envelope", "data", "message"};
    return kNames[static_cast<std::size_t>(phase)];
}

std::string_view name_of(Failure failure) {
    constexpr std::array<std::string_view, kFailures> kNames = {
        "refused",   "connect_failed", "no_port",    "banner",     "ehlo",        "starttls", "tls_injected",
        "tls_alert", "tls_verify",     "tls_octets", "tls_closed", "tls_timeout", "rset",     "shut_down",
        "closed",    "closed_idle",    "reset",      "timeout",    "malformed",   "other"};
    return kNames[static_cast<std::size_t>(failure)];
}

void Counters::merge(const Counters& other) {
    attempted += other.attempted;
    acknowledged += other.acknowledged;
    in_window += other.in_window;
    octets += other.octets;
    since_measure += other.since_measure;
    rejected_4xx += other.rejected_4xx;
    rejected_5xx += other.rejected_5xx;
    failed += other.failed;
    unfinished += other.unfinished;
    never_sent += other.never_sent;
    recipients_refused += other.recipients_refused;
    connections += other.connections;
    tls_full += other.tls_full;
    tls_resumed += other.tls_resumed;
    for (std::size_t i = 0; i < kCodes; ++i)
        replies[i] += other.replies[i];
    for (std::size_t i = 0; i < kFailures; ++i)
        failures[i] += other.failures[i];
    for (std::size_t i = 0; i < kKinds; ++i) {
        hard[i].connections += other.hard[i].connections;
        hard[i].messages += other.hard[i].messages;
        hard[i].acknowledged += other.hard[i].acknowledged;
        hard[i].cut_off += other.hard[i].cut_off;
    }
}

std::uint64_t Counters::failures_in_all() const {
    return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
}

void Phases::merge(const Phases& other) {
    for (std::size_t i = 0; i < kPhases; ++i)
        of[i].merge(other.of[i]);
}

void Second::merge(const Second& other) {
    acknowledged += other.acknowledged;
    octets += other.octets;
    not_acknowledged += other.not_acknowledged;
    failures += other.failures;
    tls_full += other.tls_full;
    tls_resumed += other.tls_resumed;
    tls_failures += other.tls_failures;
    latency.merge(other.latency);
    tls.merge(other.tls);
}

void Series::add(const Second& second) {
    const std::lock_guard lock(mutex_);
    while (static_cast<std::int64_t>(seconds_.size()) <= second.number) {
        seconds_.emplace_back();
        seconds_.back().number = static_cast<std::int64_t>(seconds_.size()) - 1;
    }
    seconds_[static_cast<std::size_t>(second.number)].merge(second);
}

}  // namespace ringmx::load
