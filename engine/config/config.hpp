// The configuration as values. docs/configuration.md documents every key; a test holds the two together.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/peer.hpp"
#include "base/result.hpp"

namespace ringmx::config {

// The least of server.memory: for the process, and for each core. A core's share holds its rings, receive
// buffers, writes in flight and log, which come to about 14 MiB, and as much again for messages and
// connections.
constexpr std::uint64_t kMemoryProcessBytesMin = std::uint64_t{20} << 20;
constexpr std::uint64_t kMemoryPerCoreBytesMin = std::uint64_t{28} << 20;

enum class BareNewlineMode : std::uint8_t { normalize, reject, accept };
// From `plugin` on they are plugins: the one that the configuration names, and those that come with ringmx.
enum class StorageBackend : std::uint8_t { spool, maildir, discard, plugin, lmtp, http, jetstream, kafka };
// Whom the spool is delivered to: nobody, or a plugin.
enum class StorageDeliver : std::uint8_t { none, plugin, lmtp, http, jetstream, kafka };
enum class StorageFallback : std::uint8_t { none, spool };
enum class StorageHost : std::uint8_t { automatic, core, worker };
enum class DurabilityLevel : std::uint8_t { none, process, machine, replicated };
enum class TlsProfile : std::uint8_t { intermediate, modern };
enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };
enum class ClientCertificates : std::uint8_t { none, request };
enum class ConfineMode : std::uint8_t { automatic, required, off };
enum class LogTransactions : std::uint8_t { all, errors, none };
enum class EdgeAction : std::uint8_t { off, log, reject };

struct ServerConfig {
    std::string hostname;                                  // default: the machine's name
    std::vector<std::string> listen = {"127.0.0.1:2525"};  // "ADDRESS:PORT", "[IPv6]:PORT"
    std::vector<std::string> listen_tls;                   // the same; TLS from the first octet on
    std::uint32_t cores = 0;                               // 0: "all"
    bool pin = true;                                       // pin each core's thread
    std::uint64_t memory_bytes = std::uint64_t{1} << 30;   // the budget of server.memory
    std::uint32_t connections_max = 0;    // whole server; 0: from RLIMIT_NOFILE (of each core) and the budget
    std::uint32_t shutdown_grace_s = 30;  // deadline of a drain
};

struct ConfineConfig {
    ConfineMode mode = ConfineMode::automatic;
    std::string user;               // empty: the one that started it
    std::string group;              // empty: the user's
    std::vector<std::string> read;  // paths beside those that the configuration names
    std::vector<std::string> write;
};

// How a service is asked for recipients.
struct ServiceConfig {
    std::uint32_t deadline_s = 5;      // of a recipient; then 451 4.4.3
    std::uint32_t connections = 4;     // each with one question at a time
    std::uint32_t questions = 256;     // under way, per core
    std::uint32_t cache = 16384;       // keys remembered, per core
    std::uint32_t found_ttl_s = 600;   // how long a yes is remembered
    std::uint32_t missing_ttl_s = 60;  // and a no
};

// Beside that, of one that is asked over HTTP.
struct HttpServiceConfig : ServiceConfig {
    std::string ca_file;               // empty: the system's authorities
    std::string bearer_token_file;     // empty: no token
    std::vector<std::string> headers;  // "Name: value", of each request
};

struct AcceptConfig {
    std::vector<std::string> domains;       // "*": every domain
    std::string recipients;                 // as parse_recipients() reads it; empty: every local part
    std::string recipient_delimiter = "+";  // each character begins a sub-address
    std::uint32_t recipients_check_s = 60;  // how often a file of recipients is looked at
    ServiceConfig socketmap;
    HttpServiceConfig http;
};

struct BareNewlineException {
    Network network;
    BareNewlineMode mode = BareNewlineMode::normalize;
};

struct SmtpConfig {
    std::uint64_t message_bytes_max = 50u << 20;  // "50MiB"
    std::uint32_t recipients_max = 1000;
    std::uint32_t messages_max = 0;
    std::uint32_t commands_max = 0;
    std::uint32_t errors_max = 20;
    std::uint32_t recipients_refused_max = 100;
    std::uint32_t received_headers_max = 100;
    std::uint32_t command_line_octets_max = 2048;
    BareNewlineMode bare_newline = BareNewlineMode::normalize;
    std::vector<BareNewlineException> bare_newline_exceptions;
};

struct CertificateFiles {
    std::string chain;               // PEM: the server's own certificate first, then its issuers in order
    std::string key;                 // PEM
    std::vector<std::string> names;  // empty: those that it is issued for
};

struct TlsConfig {
    std::vector<CertificateFiles> certificates;  // empty: no TLS
    std::vector<Network> required;               // clients that get nowhere without STARTTLS
    TlsProfile profile = TlsProfile::intermediate;
    TlsVersion version_min = TlsVersion::tls_1_2;
    std::uint32_t tickets = 1;
    std::uint32_t ticket_lifetime_s = 12 * 3600;
    ClientCertificates client_certificates = ClientCertificates::none;
    std::string client_authorities;  // a PEM file or a folder of them; empty: none are verified
    bool requiretls = true;
    std::uint32_t check_interval_s = 60;  // how often the files are looked at
};

// Who may name the client of a connection (docs/proxy.md).
struct ProxyConfig {
    std::vector<Network> networks;       // peers whose connections begin with a PROXY header
    std::vector<std::string> listeners;  // where they do, of server.listen and listen_tls; empty: everywhere
    std::vector<Network> xclient;        // clients that may send XCLIENT
};

struct TimeoutConfig {  // seconds; defaults are those of RFC 5321 §4.5.3.2
    std::uint32_t command_s = 300;
    std::uint32_t data_block_s = 180;
    std::uint32_t end_of_data_s = 300;  // how long storage may take before 451
    std::uint32_t send_s = 300;         // a client that does not read its replies
    std::uint32_t proxy_header_s = 5;
    std::uint32_t tls_handshake_s = 30;  // from the connection, or from STARTTLS, to the end of the handshake
};

// What one client, or the network that it is in, may do (docs/admission.md). 0: no limit; rates: a minute.
struct LimitsConfig {
    std::vector<Network> exempt = {*Network::parse("127.0.0.0/8"), *Network::parse("::1")};
    std::uint32_t client_connections = 100;
    std::uint32_t client_connection_rate = 3000;
    std::uint32_t network_connections = 1000;
    std::uint32_t network_connection_rate = 0;
    std::uint32_t message_rate = 0;
    std::uint32_t recipient_rate = 0;
    std::uint32_t unknown_recipient_rate = 600;
    std::uint32_t error_rate = 300;
    std::uint32_t data_rate = 100;  // octets a second
    std::uint32_t data_rate_window_s = 180;
    std::uint32_t client_prefix_ipv4 = 32;
    std::uint32_t client_prefix_ipv6 = 64;
    std::uint32_t network_prefix_ipv4 = 24;
    std::uint32_t network_prefix_ipv6 = 64;
    std::uint32_t reserve = 0;  // of the whole server's connections, for `known`
    std::vector<Network> known;
};

// What a client does before it has been asked.
struct EdgeConfig {
    std::uint32_t banner_delay_s = 0;
    EdgeAction early_talker = EdgeAction::reject;
    EdgeAction pipelining = EdgeAction::reject;
    bool other_protocols = true;  // they are dropped
};

// What changes when connections or memory run short.
struct StressConfig {
    std::uint32_t begin_percent = 80;  // 0: never
    std::uint32_t command_s = 10;
    std::uint32_t data_block_s = 30;
    std::uint32_t errors_max = 3;
    std::uint32_t recipients_refused_max = 10;
};

struct SpoolConfig {
    std::string path = "/var/spool/ringmx";
    std::uint64_t segment_bytes = 64u << 20;
    std::uint64_t min_free_bytes = 256u << 20;  // 452 below this much free space on the spool's file system
    bool direct_io_required =
        true;  // refuse a file system without O_DIRECT; false: buffered writes and fdatasync there
};

struct MaildirConfig {
    std::string path = "/var/mail/ringmx";
    std::uint64_t min_free_bytes = 256u << 20;
};

// A free table, for a plugin: names with their values as text; an array is its name several times, in order.
using OptionList = std::vector<std::pair<std::string, std::string>>;

struct PluginConfig {
    std::string path;  // of the shared object
    OptionList options;
};

// How a spool is drained to a plugin: by storage.deliver, or behind storage.fallback.
struct DeliveryConfig {
    std::uint32_t backoff_least_s = 5;  // before the second attempt; then twice as long each time
    std::uint32_t backoff_most_s = 600;
    std::uint32_t age_max_s = 5 * 86400;     // older mail that cannot be delivered is given up; 0: never
    std::uint32_t hold_s = 300;              // how long a message that fails alone holds back its domains
    std::uint64_t window_bytes = 64u << 20;  // of messages under way
};

struct StorageConfig {
    StorageBackend backend = StorageBackend::spool;
    DurabilityLevel durability =
        DurabilityLevel::machine;  // refuse to start with less; default: what the backend gives
    bool durability_set = false;
    StorageHost host = StorageHost::automatic;
    std::uint32_t workers = 1;  // storage workers, for host = "worker"
    std::uint32_t queue =
        limits::store_queue_entries;  // messages of a core at a worker before new mail gets 452
    StorageDeliver deliver = StorageDeliver::none;
    StorageFallback fallback = StorageFallback::none;
    std::uint32_t fallback_after_s = 5;  // how long the backend may take before a message is spilled
    DeliveryConfig delivery;
    SpoolConfig spool;
    MaildirConfig maildir;
    PluginConfig plugin;
    OptionList lmtp, http, jetstream, kafka;  // each backend's own
};

struct LogConfig {
    LogTransactions transactions = LogTransactions::all;
    std::string path;  // empty: standard error
};

struct AdminConfig {
    std::string socket;  // Unix socket of ringmxctl status; empty: none
};

struct Config {
    ServerConfig server;
    AcceptConfig accept;
    SmtpConfig smtp;
    TlsConfig tls;
    ProxyConfig proxy;
    TimeoutConfig timeouts;
    LimitsConfig limits;
    EdgeConfig edge;
    StressConfig stress;
    StorageConfig storage;
    ConfineConfig confine;
    LogConfig log;
    AdminConfig admin;
};

// Reads and checks a file. Errors are "FILE:LINE: what is wrong", all of them, one a line; an unknown key
// names the nearest valid one. Relative paths in it are relative to the file's folder.
// `amend` changes what was read before it is checked as a whole, and reports what is wrong with its own
// values.
using Amend = std::function<void(Config& config, std::vector<std::string>& problems)>;
Result<Config> load_file(const std::string& path, const Amend& amend = {});
Result<Config> load_text(std::string_view toml, const std::string& name, const std::string& base_folder,
                         const Amend& amend = {});

// What is allowed and yet surprising, as sentences: no accepted domain, a backend that keeps nothing, ...
std::vector<std::string> warnings(const Config& config);

// The cores that this configuration means: server.cores, or the CPUs that the process may run on.
std::uint32_t cores_in_use(const Config& config);
// What a 250 of the configured backend means, at best: a plugin says it only when it is opened.
DurabilityLevel durability_given(StorageBackend backend);
// The same of a whole configuration: with a fallback, the lesser of the two.
DurabilityLevel durability_given(const StorageConfig& config);
bool is_plugin(StorageBackend backend);
// The plugin that the configuration uses, as its backend or to deliver to; nothing: none.
std::optional<StorageBackend> plugin_used(const StorageConfig& config);
// What the configuration has for that plugin.
const OptionList& plugin_options(const StorageConfig& config);
// Whether the spool is drained: storage.deliver or storage.fallback.
bool delivers(const StorageConfig& config);
std::string_view to_string(StorageBackend backend);
std::string_view to_string(DurabilityLevel level);

// An element of server.listen: address and port. The port is `port_least` or more; an IPv4-mapped address is
// not one.
std::optional<PeerAddress> parse_endpoint(std::string_view text, std::uint16_t port_least = 1);

}  // namespace ringmx::config
