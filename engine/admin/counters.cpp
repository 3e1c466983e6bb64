#include "admin/counters.hpp"

#include <algorithm>

#include "admin/json.hpp"

namespace ringmx::admin {

namespace {

using C = CoreCounters;
constexpr auto kCount = CounterKind::count;
constexpr auto kGauge = CounterKind::gauge;

constexpr CounterInfo kTable[] = {
    {"connections_accepted", kCount, &C::connections_accepted, "connections taken from the listeners"},
    {"connections_open", kGauge, &C::connections_open, "connections open now"},
    {"connections_closed", kCount, &C::connections_closed, "connections that have ended, however"},
    {"connections_lost", kCount, &C::connections_lost, "connections that the client broke off or reset"},
    {"connections_cut_off", kCount, &C::connections_cut_off,
     "connections that the deadline of a drain ended"},
    {"timeouts", kCount, &C::timeouts, "connections that a timeout ended"},
    {"replies_2xx", kCount, &C::replies_2xx, "replies 2xx"},
    {"replies_3xx", kCount, &C::replies_3xx, "replies 3xx"},
    {"replies_4xx", kCount, &C::replies_4xx, "replies 4xx"},
    {"replies_5xx", kCount, &C::replies_5xx, "replies 5xx"},
    {"violations", kCount, &C::violations, "protocol errors and limits passed"},
    {"recipients_accepted", kCount, &C::recipients_accepted, "recipients accepted"},
    {"recipients_refused", kCount, &C::recipients_refused, "recipients refused"},
    {"bytes_received", kCount, &C::bytes_received, "octets received from clients"},
    {"bytes_sent", kCount, &C::bytes_sent, "octets sent to clients"},
    {"messages_begun", kCount, &C::messages_begun, "transactions begun (an accepted MAIL)"},
    {"messages_stored", kCount, &C::messages_stored, "messages stored and acknowledged"},
    {"messages_refused", kCount, &C::messages_refused, "messages refused at their end of data"},
    {"messages_failed", kCount, &C::messages_failed, "messages that storage could not keep"},
    {"verdicts_overdue", kCount, &C::verdicts_overdue,
     "messages answered 451 because policy or storage said nothing within timeouts.end_of_data"},
    {"messages_stored_late", kCount, &C::messages_stored_late,
     "messages that were stored when their client had left or been told 451"},
    {"messages_aborted", kCount, &C::messages_aborted, "transactions given up before their end"},
    {"messages_in_flight", kGauge, &C::messages_in_flight, "messages in memory now"},
    {"bytes_stored", kCount, &C::bytes_stored, "octets stored: envelopes, trace headers and mail data"},
    {"memory_refusals", kCount, &C::memory_refusals,
     "requests answered 4xx, or held back, for want of memory"},
    {"storage_refusals", kCount, &C::storage_refusals, "transactions answered 452 because storage was full"},
    {"receive_buffers_exhausted", kCount, &C::receive_buffers_exhausted,
     "receives that found no buffer and were made again: the kernel's supply is doubled then, from 8 up to "
     "all "
     "there are, and halved while it is not needed, so that some come with each rise of the load; a shortage "
     "are those that go on coming"},
    {"file_table_exhausted", kCount, &C::file_table_exhausted, "accepts that found no free slot"},
    {"completion_queue_overflows", kCount, &C::completion_queue_overflows,
     "completions that overflowed their queue"},
    {"submission_queue_full", kCount, &C::submission_queue_full, "submissions that had to wait for room"},
    {"loops", kCount, &C::loops, "turns of the core's loop"},
    {"enters", kCount, &C::enters, "calls of io_uring_enter"},
    {"short_sends", kCount, &C::short_sends, "sends that the kernel took only in part"},
    {"stale_completions", kCount, &C::stale_completions, "completions for a slot that had moved on"},
    {"slab_bytes_in_use", kGauge, &C::slab_bytes_in_use, "octets of message memory in use"},
    {"slab_bytes_max", kGauge, &C::slab_bytes_max, "octets of message memory there are"},
    {"storage_depth", kGauge, &C::storage_depth, "requests now between core and storage"},
    {"storage_oldest_ms", CounterKind::maximum, &C::storage_oldest_ms,
     "how long the oldest message that storage has not answered has waited, in ms"},
    {"storage_queue_full", kCount, &C::storage_queue_full,
     "requests that had to wait for a slot of the queue"},
    {"storage_wakes", kCount, &C::storage_wakes, "wake-ups sent to storage workers"},
    {"storage_batches", kCount, &C::storage_batches, "writes of the storage backend"},
    {"storage_io_errors", kCount, &C::storage_io_errors, "write and sync errors of the storage backend"},
    {"storage_bytes_free", CounterKind::minimum, &C::storage_bytes_free,
     "free octets on the backend's medium"},
    {"storage_segments", kGauge, &C::storage_segments,
     "segments of the spool's log, those prepared ahead included"},
    {"tls_handshakes_full", kCount, &C::tls_handshakes_full, "TLS handshakes done in full"},
    {"tls_handshakes_resumed", kCount, &C::tls_handshakes_resumed,
     "TLS handshakes done with a session ticket"},
    {"tls_failed_not_tls", kCount, &C::tls_failed_not_tls,
     "TLS handshakes that failed because the client spoke something else"},
    {"tls_failed_version", kCount, &C::tls_failed_version, "for want of a common version"},
    {"tls_failed_no_shared_cipher", kCount, &C::tls_failed_no_shared_cipher,
     "for want of a common cipher suite, group or signature algorithm"},
    {"tls_failed_alert", kCount, &C::tls_failed_alert, "because the client ended them with an alert"},
    {"tls_failed_timed_out", kCount, &C::tls_failed_timed_out, "because timeouts.tls_handshake had passed"},
    {"tls_failed_lost", kCount, &C::tls_failed_lost, "because the connection ended before"},
    {"tls_failed_other", kCount, &C::tls_failed_other,
     "because of what TLS does not allow, or for want of memory"},
    {"tls_broken", kCount, &C::tls_broken, "TLS connections that a bad record or an alert ended"},
    {"tls_unavailable", kCount, &C::tls_unavailable,
     "STARTTLS commands answered 454, and TLS connections closed, for want of memory"},
    {"tls_clients_verified", kCount, &C::tls_clients_verified,
     "handshakes of clients whose certificate one of tls.client_authorities has issued"},
    {"tls_clients_unverified", kCount, &C::tls_clients_unverified,
     "handshakes of clients with a certificate that could not be verified by them"},
    {"tls_reloads", kCount, &C::tls_reloads, "certificates loaded anew, of the whole server"},
    {"tls_reloads_refused", kCount, &C::tls_reloads_refused,
     "attempts at that which failed: the certificates before are kept"},
    {"proxy_clients", kCount, &C::proxy_clients, "connections whose client a PROXY header has named"},
    {"proxy_own", kCount, &C::proxy_own,
     "connections with a PROXY header that names none: health checks (LOCAL, UNKNOWN)"},
    {"proxy_silent", kCount, &C::proxy_silent,
     "connections from proxies that ended without an octet: health checks of the port"},
    {"proxy_failed_absent", kCount, &C::proxy_failed_absent,
     "connections from proxies that were closed because they do not begin with a PROXY header"},
    {"proxy_failed_malformed", kCount, &C::proxy_failed_malformed, "because it is not well-formed"},
    {"proxy_failed_too_long", kCount, &C::proxy_failed_too_long, "because it is too long"},
    {"proxy_failed_checksum", kCount, &C::proxy_failed_checksum, "because its CRC32C is wrong"},
    {"proxy_failed_timed_out", kCount, &C::proxy_failed_timed_out,
     "because timeouts.proxy_header had passed"},
    {"proxy_failed_lost", kCount, &C::proxy_failed_lost, "because the connection ended within it"},
    {"xclient_commands", kCount, &C::xclient_commands, "XCLIENT commands accepted"},
    {"recipients_asked", kCount, &C::recipients_asked, "recipients that a service was asked for"},
    {"recipients_cached", kCount, &C::recipients_cached,
     "recipients that what it had said before was enough for"},
    {"recipients_unavailable", kCount, &C::recipients_unavailable,
     "recipients answered 451 4.4.3 because they could not be looked up"},
    {"recipients_service_errors", kCount, &C::recipients_service_errors,
     "of that service: lost and refused connections, questions without an answer in time, replies that say "
     "neither yes nor no"},
    {"recipients_reloads", kCount, &C::recipients_reloads,
     "lists of recipients loaded anew, of the whole server"},
    {"recipients_reloads_refused", kCount, &C::recipients_reloads_refused,
     "attempts at that which failed: the list before is kept"},
    {"limit_client_connections", kCount, &C::limit_client_connections,
     "connections refused because their client had too many open"},
    {"limit_client_connection_rate", kCount, &C::limit_client_connection_rate,
     "connections refused because their client opened too many"},
    {"limit_network_connections", kCount, &C::limit_network_connections,
     "connections refused because their network had too many open"},
    {"limit_network_connection_rate", kCount, &C::limit_network_connection_rate,
     "connections refused because their network opened too many"},
    {"limit_reserve", kCount, &C::limit_reserve, "connections refused because the rest are for limits.known"},
    {"limit_message_rate", kCount, &C::limit_message_rate,
     "transactions answered 450 for limits.message_rate"},
    {"limit_recipient_rate", kCount, &C::limit_recipient_rate,
     "recipients answered 450 for limits.recipient_rate"},
    {"limit_unknown_recipient_rate", kCount, &C::limit_unknown_recipient_rate,
     "recipients answered 450 for limits.unknown_recipient_rate"},
    {"limit_error_rate", kCount, &C::limit_error_rate, "connections refused or ended for limits.error_rate"},
    {"limit_data_rate", kCount, &C::limit_data_rate, "connections ended for limits.data_rate"},
    {"limit_lines_left_out", kCount, &C::limit_lines_left_out,
     "log lines about these left out, because there were too many"},
    {"admission_table_full", kCount, &C::admission_table_full,
     "connections that were not counted for limits, for want of room in a table"},
    {"early_talkers", kCount, &C::early_talkers, "clients that sent before the banner"},
    {"illegal_pipelining", kCount, &C::illegal_pipelining,
     "clients that did not wait for a reply that they had to wait for"},
    {"other_protocols", kCount, &C::other_protocols, "clients dropped because they spoke HTTP, SSH or TLS"},
    {"stressed", kGauge, &C::stressed, "cores under stress"},
    {"log_records_dropped", kCount, &C::log_records_dropped,
     "log records lost because the log could not keep up"},
};

static_assert(std::size(kTable) * sizeof(Counter) <= sizeof(CoreCounters) &&
                  std::size(kTable) * sizeof(Counter) > sizeof(CoreCounters) - kCounterAlignment,
              "every counter stands in the table");

std::uint64_t total(const CounterInfo& info, std::span<const CoreCounters* const> cores) {
    std::uint64_t sum = 0;
    std::uint64_t least = UINT64_MAX;
    std::uint64_t greatest = 0;
    for (const CoreCounters* core : cores) {
        const std::uint64_t value = (core->*info.member).get();
        sum += value;
        least = std::min(least, value);
        greatest = std::max(greatest, value);
    }
    if (info.kind == CounterKind::maximum) return greatest;
    if (info.kind == CounterKind::minimum) return cores.empty() ? 0 : least;
    return sum;
}

}  // namespace

std::span<const CounterInfo> counter_table() {
    return kTable;
}

std::string counters_json(const CoreCounters& counters) {
    const CoreCounters* const one[] = {&counters};
    return counters_json_total(one);
}

std::string counters_json_total(std::span<const CoreCounters* const> cores) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    for (const CounterInfo& info : kTable)
        json.number(info.name, total(info, cores));
    json.end_object();
    return out;
}

std::vector<std::pair<std::string, std::uint64_t>> counter_totals(
    std::span<const CoreCounters* const> cores) {
    std::vector<std::pair<std::string, std::uint64_t>> totals;
    for (const CounterInfo& info : kTable)
        totals.emplace_back(info.name, total(info, cores));
    return totals;
}

std::string counters_markdown() {
    std::string out = "| Counter | Kind | Meaning |\n| --- | --- | --- |\n";
    for (const CounterInfo& info : kTable) {
        out.append("| `").append(info.name).append("` | ");
        out.append(info.kind == CounterKind::count ? "count" : "present value");
        out.append(" | ").append(info.help).append(" |\n");
    }
    return out;
}

}  // namespace ringmx::admin
