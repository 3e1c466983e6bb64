// What one thread counts, and how threads are added up. All of it belongs to its thread until that has ended,
// except Live, which others may read at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "histogram.hpp"
#include "options.hpp"

namespace ringmx::load {

enum class Phase : std::uint8_t {
    connect,   // connect(2) to its completion
    tls,       // ClientHello written to the end of the handshake
    banner,    // connected (implicit TLS: the handshake is over) to the 220
    ehlo,      // EHLO written to its reply
    envelope,  // MAIL written to the reply to the last RCPT
    data,      // the write that holds the end of the mail data, to its 250
    message,   // open loop: when the message was due; closed loop: MAIL written; to its 250
};
constexpr std::size_t kPhases = 7;
std::string_view name_of(Phase phase);

enum class Failure : std::uint8_t {
    refused,         // connection refused
    connect_failed,  // no connection for another reason
    no_port,         // no free source port (EADDRNOTAVAIL)
    banner,          // another greeting than 220
    ehlo,            // EHLO refused
    starttls,        // STARTTLS refused
    tls_injected,    // plaintext behind the reply to STARTTLS
    tls_alert,       // the server ended TLS with a fatal alert
    tls_verify,      // its certificate does not verify
    tls_octets,      // what it sent is not correct TLS
    tls_closed,      // it closed or reset the connection within the handshake
    tls_timeout,     // no end of the handshake in time
    rset,            // RSET refused
    shut_down,       // 421
    closed,          // the server closed with a message under way
    closed_idle,     // the server closed a connection that waited for work
    reset,           // the server reset the connection
    timeout,         // no reply in time
    malformed,       // not a reply, or one that nothing asked for
    other,
};
constexpr std::size_t kFailures = 20;
std::string_view name_of(Failure failure);
constexpr bool is_of_tls(Failure failure) {
    return failure >= Failure::starttls && failure <= Failure::tls_timeout;
}

constexpr std::size_t kCodes = 600;  // reply codes are 200 to 599

struct HardCounters {
    std::uint64_t connections = 0;
    std::uint64_t messages = 0;  // begun
    std::uint64_t acknowledged = 0;
    std::uint64_t cut_off = 0;  // by the server: closed, reset or 421
};

// Of the measured window; warm-up and ramp are left out.
struct Counters {
    std::uint64_t attempted = 0;      // messages begun: MAIL written, or an end before that
    std::uint64_t acknowledged = 0;   // 250 behind the mail data, whenever it came
    std::uint64_t in_window = 0;      // of these, within the window
    std::uint64_t octets = 0;         // of mail data in `in_window`
    std::uint64_t since_measure = 0;  // acknowledged since the window began, warm-up's last ones and the
                                      // drain included: what the server's CPU time of that span was spent on
    std::uint64_t rejected_4xx = 0;
    std::uint64_t rejected_5xx = 0;
    std::uint64_t failed = 0;      // by an error of the connection
    std::uint64_t unfinished = 0;  // without an answer when the drain was over
    std::uint64_t never_sent = 0;  // open loop: due, and no connection was free until the drain was over
    std::uint64_t recipients_refused = 0;
    std::uint64_t connections = 0;  // opened
    std::uint64_t tls_full = 0;     // handshakes
    std::uint64_t tls_resumed = 0;  // of an earlier session
    std::array<std::uint64_t, kCodes> replies{};
    std::array<std::uint64_t, kFailures> failures{};
    std::array<HardCounters, kKinds> hard{};

    void merge(const Counters& other);
    std::uint64_t failures_in_all() const;
};

struct Phases {
    std::array<Histogram, kPhases> of;
    Histogram& operator[](Phase phase) { return of[static_cast<std::size_t>(phase)]; }
    const Histogram& operator[](Phase phase) const { return of[static_cast<std::size_t>(phase)]; }
    void merge(const Phases& other);
};

// Running totals of a thread since its start, written by it alone.
struct alignas(64) Live {
    std::atomic<std::uint64_t> acknowledged{0};
    std::atomic<std::uint64_t> octets{0};
    std::atomic<std::uint64_t> not_acknowledged{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint32_t> connected{0};
    std::atomic<std::uint32_t> busy{0};  // connections with a message under way

    template <typename T>
    static void add(std::atomic<T>& counter, T amount) {
        counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
};

// One second of the run.
struct Second {
    std::int64_t number = 0;  // since the start of the load
    std::uint64_t acknowledged = 0;
    std::uint64_t octets = 0;
    std::uint64_t not_acknowledged = 0;
    std::uint64_t failures = 0;
    std::uint64_t tls_full = 0;
    std::uint64_t tls_resumed = 0;
    std::uint64_t tls_failures = 0;         // of `failures`
    Histogram latency{Histogram::kCoarse};  // of the messages that ended in it
    Histogram tls{Histogram::kCoarse};      // of the handshakes that ended in it
    void merge(const Second& other);
};

// The time series: threads hand in their seconds, one at a time.
class Series {
 public:
    void add(const Second& second);
    // By number, without gaps. After the threads have ended.
    const std::vector<Second>& seconds() const { return seconds_; }

 private:
    std::mutex mutex_;
    std::vector<Second> seconds_;
};

}  // namespace ringmx::load
