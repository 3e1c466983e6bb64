// What admission says of a connection (docs/admission.md): whether its client may stay, whether it may do
// something once more, and what becomes of one that talks before it is asked, talks something else, or sends
// its mail data too slowly. Replies, counters and log lines of all of them are here.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/limits.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"
#include "server/transaction_log.hpp"
#include "smtp/rules.hpp"

namespace ringmx::server {

namespace {

using admission::Limit;

constexpr Reply kTooManyConnections{421, {4, 7, 0}, "Too many connections from your address, closing"};
constexpr Reply kTooFastConnections{421, {4, 7, 0}, "Too many new connections from your address, closing"};
constexpr Reply kNetworkConnections{421, {4, 7, 0}, "Too many connections from your network, closing"};
constexpr Reply kNetworkTooFast{421, {4, 7, 0}, "Too many new connections from your network, closing"};
constexpr Reply kReserve{421, {4, 3, 2}, "Too many connections, try again later"};
constexpr Reply kMessages{450, {4, 7, 1}, "Too many messages from your address, try again later"};
constexpr Reply kRecipients{450, {4, 7, 1}, "Too many recipients from your address, try again later"};
constexpr Reply kUnknown{450, {4, 7, 1}, "Too many unknown recipients from your address, try again later"};
constexpr Reply kErrors{421, {4, 7, 0}, "Too many errors from your address, closing"};
constexpr Reply kTooSlow{421, {4, 4, 2}, "Mail data comes too slowly, closing"};
constexpr Reply kEarlyTalker{554, {5, 5, 0}, "Input before the greeting, closing"};

// A recipient that does not exist, whoever says so (RFC 3463 X.1.1).
constexpr std::uint16_t kUnknownCode = 550;
constexpr EnhancedStatus kUnknownStatus{5, 1, 1};

constexpr std::size_t kShownOctets = 64;  // of what an early talker says

const Reply& reply_of(Limit limit) {
    switch (limit) {
        case Limit::client_connection_rate:
            return kTooFastConnections;
        case Limit::network_connections:
            return kNetworkConnections;
        case Limit::network_connection_rate:
            return kNetworkTooFast;
        case Limit::reserve:
            return kReserve;
        case Limit::message_rate:
            return kMessages;
        case Limit::recipient_rate:
            return kRecipients;
        case Limit::unknown_recipient_rate:
            return kUnknown;
        case Limit::error_rate:
            return kErrors;
        case Limit::data_rate:
            return kTooSlow;
        case Limit::client_connections:
        case Limit::none:
            break;
    }
    return kTooManyConnections;
}

admin::Counter& counter_of(admin::CoreCounters& counters, Limit limit) {
    switch (limit) {
        case Limit::client_connection_rate:
            return counters.limit_client_connection_rate;
        case Limit::network_connections:
            return counters.limit_network_connections;
        case Limit::network_connection_rate:
            return counters.limit_network_connection_rate;
        case Limit::reserve:
            return counters.limit_reserve;
        case Limit::message_rate:
            return counters.limit_message_rate;
        case Limit::recipient_rate:
            return counters.limit_recipient_rate;
        case Limit::unknown_recipient_rate:
            return counters.limit_unknown_recipient_rate;
        case Limit::error_rate:
            return counters.limit_error_rate;
        case Limit::data_rate:
            return counters.limit_data_rate;
        case Limit::client_connections:
        case Limit::none:
            break;
    }
    return counters.limit_client_connections;
}

smtp::Pipelining to_smtp(config::EdgeAction action) {
    switch (action) {
        case config::EdgeAction::off:
            return smtp::Pipelining::any;
        case config::EdgeAction::log:
            return smtp::Pipelining::report;
        case config::EdgeAction::reject:
            return smtp::Pipelining::refuse;
    }
    return smtp::Pipelining::any;
}

}  // namespace

// --- at the door
// ------------------------------------------------------------------------------------------------------

// The client's address is known: may it stay? Before the session starts; and again when it turns out to be
// another one, which takes the place of the first. What is refused is told so by on_connect.
bool Connection::admit() {
    admission::Gate* const gate = core_.gate();
    if (gate == nullptr) return true;
    leave_admission();
    const auto arrival = gate->arrive(peer_, core_.known_only(), core_.now().mono_ns);
    place_ = arrival.place;
    exempt_ = arrival.exempt;
    if (arrival.uncounted) core_.counters().admission_table_full.add(1);
    const config::EdgeConfig& edge = core_.config().edge;
    session_.watch(exempt_ ? smtp::Pipelining::any : to_smtp(edge.pipelining),
                   !exempt_ && edge.other_protocols);
    if (exempt_) session_.go_by(core_.calm_session());
    refused_ = arrival.refused;
    if (refused_ == Limit::none) return true;
    no_linger_ = true;  // it is to be gone at once, and has not been asked to say anything
    limit_passed(refused_);
    return false;
}

Decision Connection::refuse_connect() {
    questions_asked_ = 0;  // policy is asked nothing of this client, and need not hear of its end
    return Decision::disconnect(reply_of(refused_));
}

void Connection::leave_admission() {
    if (core_.gate() != nullptr) core_.gate()->leave(std::exchange(place_, {}));
}

// --- more of the same
// -------------------------------------------------------------------------------------------------

// Counts one more of what `rate` is about. The refusal, if that is too much.
const Reply* Connection::over_rate(admission::Rate rate) {
    admission::Gate* const gate = core_.gate();
    if (gate == nullptr || gate->take(place_, rate, core_.now().mono_ns)) return nullptr;
    limit_passed(admission::limit_of(rate));
    return &reply_of(admission::limit_of(rate));
}

// A client that has guessed too often is told nothing more about who exists.
const Reply* Connection::over_recipients() {
    admission::Gate* const gate = core_.gate();
    if (gate == nullptr) return nullptr;
    if (gate->exhausted(place_, admission::Rate::recipients_unknown, core_.now().mono_ns)) {
        limit_passed(Limit::unknown_recipient_rate);
        return &kUnknown;
    }
    return over_rate(admission::Rate::recipients);
}

void Connection::count_recipient_refused(const Reply& reply) {
    admission::Gate* const gate = core_.gate();
    if (gate == nullptr || reply.code != kUnknownCode || reply.status != kUnknownStatus) return;
    gate->take(place_, admission::Rate::recipients_unknown, core_.now().mono_ns);
}

// A rule was broken. One error too many ends the session, once it is back from what it does (settle()).
void Connection::count_error(std::string_view rule, const Reply& reply) {
    constexpr std::uint16_t permanent = 500;
    const bool pipelining = rule == smtp::rules::illegal_pipelining.name;
    if (pipelining) core_.counters().illegal_pipelining.add(1);
    if (!pipelining && reply.code < permanent) return;
    if (over_rate(admission::Rate::errors) != nullptr) passed_ = Limit::error_rate;
}

void Connection::end_for_limit() {
    session_.give_up(reply_of(std::exchange(passed_, Limit::none)));
}

void Connection::limit_passed(Limit limit) {
    counter_of(core_.counters(), limit).add(1);
    if (!core_.gate()->may_log(core_.now().mono_ns)) return core_.counters().limit_lines_left_out.add(1);
    const admission::Settings& settings = core_.gate()->settings();
    const bool network = limit == Limit::network_connections || limit == Limit::network_connection_rate;
    const auto kind = network ? admission::Kind::network : admission::Kind::client;
    const Network scope = admission::scope_of(peer_, kind, settings.prefixes);
    std::uint32_t value = settings.value(limit);
    if (limit == Limit::reserve) value = core_.config().limits.reserve;
    if (limit == Limit::data_rate) value = core_.config().limits.data_rate;
    std::array<char, 48> address;
    const std::string_view base = scope.base.format(address);
    std::array<char, 96> text;
    const int length =
        std::snprintf(text.data(), text.size(), "%s %.*s/%u, limit %u", network ? "network" : "client",
                      static_cast<int>(base.size()), base.data(), unsigned{scope.prefix_bits}, value);
    log_admission("limit", admission::to_string(limit), {text.data(), static_cast<std::size_t>(length)},
                  reply_of(limit));
}

void Connection::log_admission(std::string_view event, std::string_view detail, std::string_view text,
                               const Reply& reply) {
    admin::EventRecord record = event_record(core_, event, log_client());
    record.detail = detail;
    record.text = text;
    record.reply = reply;
    core_.log().write(record);
}

// --- out of turn
// ------------------------------------------------------------------------------------------------------

// The banner waits for edge.banner_delay.
bool Connection::delays_banner() {
    const std::uint32_t delay_s = core_.config().edge.banner_delay_s;
    if (delay_s == 0 || exempt_ || core_.gate() == nullptr) return false;
    // A proxy that looks whether we live does not wait long.
    const auto& proxies = core_.config().proxy.networks;
    if (std::any_of(proxies.begin(), proxies.end(), [&](const Network& one) { return one.contains(peer_); }))
        return false;
    question_ = Question::banner;
    set_deadline(core_.now().mono_ns + delay_s * kNsPerSecond);
    return true;
}

// It has waited long enough.
void Connection::greet() {
    question_ = Question::none;
    const Decision decision = ask_connect();
    if (decision.kind == Decision::Kind::later) return touch();
    session_.on_decision(decision);
    touch();
    feed_held();
}

// Input while the banner waits. What it is will be held.
void Connection::early_talk(Bytes data) {
    const config::EdgeAction action = core_.config().edge.early_talker;
    if (action == config::EdgeAction::off || early_talker_) return;
    early_talker_ = true;
    core_.counters().early_talkers.add(1);
    const bool reject = action == config::EdgeAction::reject;
    if (core_.gate()->may_log(core_.now().mono_ns)) {
        log_admission("early_talker", as_text(data.first(std::min(data.size(), kShownOctets))), {},
                      reject ? kEarlyTalker : Reply{});
    } else {
        core_.counters().limit_lines_left_out.add(1);
    }
    core_.gate()->take(place_, admission::Rate::errors, core_.now().mono_ns);
    if (!reject) return;
    question_ = Question::none;
    session_.on_decision(Decision::disconnect(kEarlyTalker));
}

void Connection::on_other_protocol(std::string_view protocol) {
    core_.counters().other_protocols.add(1);
    no_linger_ = true;
    core_.gate()->take(place_, admission::Rate::errors, core_.now().mono_ns);
    if (!core_.gate()->may_log(core_.now().mono_ns)) return core_.counters().limit_lines_left_out.add(1);
    log_admission("other_protocol", protocol, {}, {});
}

// --- mail data
// --------------------------------------------------------------------------------------------------------

// While mail data is awaited: the deadline, or the end of the window over which its rate is measured if that
// comes first.
std::int64_t Connection::data_deadline(std::int64_t deadline_ns) {
    if (exempt_ || session_.stage() != smtp::Stage::data_block) {
        data_window_ns_ = 0;
        return deadline_ns;
    }
    if (data_window_ns_ == 0) begin_data_window();
    const config::LimitsConfig& limits = core_.config().limits;
    if (limits.data_rate == 0) return deadline_ns;
    return std::min(deadline_ns, data_window_ns_ + limits.data_rate_window_s * kNsPerSecond);
}

void Connection::count_data(std::size_t octets) {
    const std::uint64_t sum = std::uint64_t{data_octets_} + octets;
    data_octets_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

void Connection::begin_data_window() {
    data_window_ns_ = core_.now().mono_ns;
    data_octets_ = 0;
    stalled_ = false;
}

// A deadline has come while mail data was awaited. True: the client has sent enough, or could not, because we
// had no room; there is a new deadline.
bool Connection::outlasts_deadline() {
    if (data_window_ns_ == 0 || session_.stage() != smtp::Stage::data_block) return false;
    const std::int64_t now_ns = core_.now().mono_ns;
    const config::LimitsConfig& limits = core_.config().limits;
    if (!stalled_) {
        if (limits.data_rate == 0) return false;
        if (now_ns < data_window_ns_ + limits.data_rate_window_s * kNsPerSecond) return false;
        const std::uint64_t least = std::uint64_t{limits.data_rate} * limits.data_rate_window_s;
        if (data_octets_ < std::min<std::uint64_t>(least, UINT32_MAX)) {
            limit_passed(Limit::data_rate);
            session_.give_up(kTooSlow);
            return true;
        }
    }
    const bool calm = stalled_;
    begin_data_window();
    set_deadline(data_deadline(now_ns + core_.timeout_ns(session_.stage(), calm)));
    return true;
}

// Stress has begun: what was given before is cut to what is given now.
void Connection::hurry() {
    if (phase_ != Phase::open || exempt_ || keeps_deadline()) return;
    if (session_.waiting() == smtp::Waiting::decision) return;
    const std::int64_t most_ns = sending_ != 0 ? core_.send_timeout_ns() : core_.timeout_ns(session_.stage());
    set_deadline(std::min(deadline_ns_, core_.now().mono_ns + most_ns));
}

}  // namespace ringmx::server
