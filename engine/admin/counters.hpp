// Counters of one core. Only that core's thread writes them, any thread reads them: a plain load, addition
// and store without a locked instruction, on cache lines that no other core writes. One table gives every
// counter its name and its meaning; status answers and docs/operations.md come from it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringmx::admin {

// A number with one writer. Reading from another thread is never torn and may be a moment old.
class Counter {
 public:
    void add(std::uint64_t n = 1) { set(get() + n); }
    void sub(std::uint64_t n = 1) { set(get() - n); }
    void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> value_{0};
};

constexpr std::size_t kCounterAlignment = 128;  // two cache lines: the adjacent-line prefetcher pairs them

struct alignas(kCounterAlignment) CoreCounters {
    // connections
    Counter connections_accepted;
    Counter connections_open;
    Counter connections_closed;
    Counter connections_lost;
    Counter connections_cut_off;
    Counter timeouts;
    // protocol
    Counter replies_2xx;
    Counter replies_3xx;
    Counter replies_4xx;
    Counter replies_5xx;
    Counter violations;
    Counter recipients_accepted;
    Counter recipients_refused;
    Counter bytes_received;
    Counter bytes_sent;
    // messages
    Counter messages_begun;
    Counter messages_stored;
    Counter messages_refused;
    Counter messages_failed;
    Counter verdicts_overdue;
    Counter messages_stored_late;
    Counter messages_aborted;
    Counter messages_in_flight;
    Counter bytes_stored;
    // overload
    Counter memory_refusals;
    Counter storage_refusals;
    Counter receive_buffers_exhausted;
    Counter file_table_exhausted;
    Counter completion_queue_overflows;
    Counter submission_queue_full;
    // the loop
    Counter loops;
    Counter enters;
    Counter short_sends;
    Counter stale_completions;
    Counter slab_bytes_in_use;
    Counter slab_bytes_max;
    // storage
    Counter storage_depth;
    Counter storage_oldest_ms;
    Counter storage_queue_full;
    Counter storage_wakes;
    Counter storage_batches;
    Counter storage_io_errors;
    Counter storage_bytes_free;
    Counter storage_segments;
    // TLS
    Counter tls_handshakes_full;
    Counter tls_handshakes_resumed;
    Counter tls_failed_not_tls;
    Counter tls_failed_version;
    Counter tls_failed_no_shared_cipher;
    Counter tls_failed_alert;
    Counter tls_failed_timed_out;
    Counter tls_failed_lost;
    Counter tls_failed_other;
    Counter tls_broken;
    Counter tls_unavailable;
    Counter tls_clients_verified;
    Counter tls_clients_unverified;
    // Of the process: the first core's, written by the thread that watches the certificates.
    Counter tls_reloads;
    Counter tls_reloads_refused;
    // PROXY header and XCLIENT
    Counter proxy_clients;
    Counter proxy_own;
    Counter proxy_silent;
    Counter proxy_failed_absent;
    Counter proxy_failed_malformed;
    Counter proxy_failed_too_long;
    Counter proxy_failed_checksum;
    Counter proxy_failed_timed_out;
    Counter proxy_failed_lost;
    Counter xclient_commands;
    // recipients
    Counter recipients_asked;
    Counter recipients_cached;
    Counter recipients_unavailable;
    // Of the process: the first core's, written by the thread that asks the service, and the one that loads.
    Counter recipients_service_errors;
    Counter recipients_reloads;
    Counter recipients_reloads_refused;
    // admission
    Counter limit_client_connections;
    Counter limit_client_connection_rate;
    Counter limit_network_connections;
    Counter limit_network_connection_rate;
    Counter limit_reserve;
    Counter limit_message_rate;
    Counter limit_recipient_rate;
    Counter limit_unknown_recipient_rate;
    Counter limit_error_rate;
    Counter limit_data_rate;
    Counter limit_lines_left_out;
    Counter admission_table_full;
    Counter early_talkers;
    Counter illegal_pipelining;
    Counter other_protocols;
    Counter stressed;
    // log
    Counter log_records_dropped;
};

enum class CounterKind : std::uint8_t {
    count,    // only rises; summed over cores
    gauge,    // a present value; summed over cores
    minimum,  // a present value of something shared: the least of the cores
    maximum,  // a present value: the greatest of the cores
};

struct CounterInfo {
    std::string_view name;
    CounterKind kind;
    Counter CoreCounters::*member;
    std::string_view help;
};

std::span<const CounterInfo> counter_table();

// All counters as members of one JSON object: {"connections_accepted":1,...}.
std::string counters_json(const CoreCounters& counters);
// The same over all cores, each summed or otherwise joined as its kind says.
std::string counters_json_total(std::span<const CoreCounters* const> cores);

// The same as names and numbers.
std::vector<std::pair<std::string, std::uint64_t>> counter_totals(std::span<const CoreCounters* const> cores);

// The table in Markdown, for docs/operations.md.
std::string counters_markdown();

}  // namespace ringmx::admin
