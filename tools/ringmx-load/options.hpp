// What `ringmx-load HOST:PORT` was asked for, and the parsing of its values: sizes, shares, weights.
// Parsing returns an Error that names the value and says what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "base/result.hpp"

namespace ringmx::load {

enum class Mode : std::uint8_t { single, pipelined, bdat };
enum class Arrivals : std::uint8_t { even, poisson };
enum class Tls : std::uint8_t { off, starttls, implicit };  // RFC 3207; RFC 8314

// What a connection is for. All but `normal` and `one_shot` are a disturbance beside the load: they have
// their own counters, take no message from the load, and no latency of theirs is recorded.
enum class Kind : std::uint8_t { normal, one_shot, slow, stalled, resetting, half_closing };
constexpr std::size_t kKinds = 6;
std::string_view name_of(Kind kind);
std::string_view name_of(Tls tls);

struct Target {
    std::string text;  // as given
    std::string host;
    std::uint16_t port = 25;
    sockaddr_storage address{};
    socklen_t address_octets = 0;
    bool loopback = false;
};

struct Options {
    Target target;
    // The work
    Mode mode = Mode::single;
    std::uint32_t connections = 50;
    std::uint64_t messages = 0;        // in all; 0: until the duration is over
    std::uint64_t per_connection = 0;  // 0: no limit
    std::uint32_t recipients = 1;      // of a message
    double rate = 0;                   // messages a second, in all; 0: closed loop
    Arrivals arrivals = Arrivals::poisson;
    double duration_s = 0;
    double warmup_s = 0;
    double ramp_s = 0;
    double drain_s = 10;    // past the end of the duration, for answers that are still out
    double timeout_s = 60;  // without an answer
    std::uint64_t seed = 1;
    // The mails
    std::string size = "1KiB";
    std::string corpus;  // folder or mbox; empty: generated
    bool unique = false;
    std::string acks;
    std::size_t bdat_chunk = 0;  // octets of a BDAT; 0: the message in one
    std::string from = "sender@example.net";
    std::vector<std::string> to;
    std::string hello = "load.example.net";
    // The clients
    std::uint32_t sources = 1;
    std::string congestion;     // TCP congestion control of our sockets; empty: the system's
    double share[kKinds] = {};  // of the connections, by Kind; `normal` is what is left
    double slow_rate = 100;     // octets a second
    std::uint32_t threads = 0;  // 0: half of the CPUs
    std::vector<unsigned> cpus;
    std::uint32_t batch_wait_us = 0;
    // TLS
    Tls tls = Tls::off;
    bool tls_resume = false;
    std::string tls_name;  // for SNI, and in the certificate; empty: the target's host
    std::string tls_ca;    // PEM file to verify the certificate with; empty: it is not verified
    std::string tls_min;   // "1.2", "1.3"; empty: OpenSSL's own limit
    std::string tls_max;
    // What is watched and written
    std::vector<int> pids;
    std::string cgroup;
    std::string json;
    std::string csv;
    std::string report;
    bool quiet = false;
};

// "127.0.0.1:2525", "[::1]:25", "localhost:25"; without a port, 25. Resolves names.
Result<Target> parse_target(const std::string& text);
// "1024", "10KiB", "2MB"; in octets.
Result<std::uint64_t> parse_size(std::string_view text);
// "250ms", "30s", "5m", "1h", "30"; in seconds.
Result<double> parse_duration(std::string_view text);
// "5%" or "0.05", 0 to 1.
Result<double> parse_share(std::string_view text);

}  // namespace ringmx::load
