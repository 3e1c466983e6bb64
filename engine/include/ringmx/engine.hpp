// ringmx inside a program: an engine that receives mail on its own threads, with the program's own decisions
// and the program's own storage. docs/embedding.md goes from nothing to a receiving program.
//
//     namespace embed = ringmx::embed;
//     embed::Options options;
//     options.hostname = "mx1.example.com";
//     options.listen = {"127.0.0.1:0"};
//     options.domains = {"example.com"};
//     options.backend = [](ringmx::plugin::Host host, const ringmx::plugin::Options&) {
//         return std::make_unique<MyBackend>(host);
//     };
//     embed::Error error;
//     auto engine = embed::Engine::start(std::move(options), error);
//     if (engine == nullptr) return complain(error.text);
//     ... engine->port() tells where it listens ...
//     engine->stop(std::chrono::seconds(10));
//
// Threads. Callbacks run on the engine's core threads, several at the same time when there is more than one
// core, and hold up every connection of their core: they must not block. What takes time answers later, by
// its Ticket. The engine's threads block every signal but those that a fault raises (and SIGPROF), so that
// the program's handlers run on the program's threads. No exception may leave a callback, a log function or a
// backend, its constructor apart: it ends the process (std::terminate).
//
// Nothing here is owned by the caller but the Engine itself and what its own functions hold.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringmx/backend.hpp"

namespace ringmx::embed {

// --- decisions
// ---------------------------------------------------------------------------------------------------

// What a callback answers. A refusal's `code` is 400 to 599 (anything else becomes 550), its `status` an
// enhanced status code (RFC 3463) such as "5.1.1" whose class fits the code, or empty; `text` is one line,
// of which printable ASCII reaches the client.
struct Decision {
    enum class Kind : std::uint8_t { accept, refuse, disconnect, later };
    Kind kind = Kind::accept;
    int code = 0;
    std::string status;
    std::string text;

    static Decision accept() { return {}; }
    static Decision refuse(int code, std::string status, std::string text) {
        return {Kind::refuse, code, std::move(status), std::move(text)};
    }
    // The reply, then the end of the connection. 421 and 554 are the codes that RFC 5321 has for it.
    static Decision disconnect(int code, std::string status, std::string text) {
        return {Kind::disconnect, code, std::move(status), std::move(text)};
    }
    // Nothing yet: Ticket::answer brings it. The client waits; a session whose answer has not come within
    // `timeouts.command` (before mail data) or `timeouts.end_of_data` ends with 421.
    static Decision later() { return {Kind::later, 0, {}, {}}; }
};

namespace detail {
class AnswerPort;
struct TicketMaker;
}  // namespace detail

// Names one question of one session. Copies name the same question. A ticket may be kept for as long as one
// likes: answers to a question that was answered, of a session that has ended, or of an engine that was
// stopped or destroyed do nothing.
class RINGMX_EXPORT Ticket {
 public:
    // Any thread; does not wait for the core. Of several answers the first counts. `later` is no answer.
    void answer(Decision decision) const;

 private:
    friend struct detail::TicketMaker;
    Ticket() = default;
    std::shared_ptr<detail::AnswerPort> port_;
    std::uint32_t slot_ = 0;
    std::uint32_t generation_ = 0;
    std::uint32_t sequence_ = 0;
};

// --- facts; every view is valid during the call only
// ---------------------------------------------------------------------------------------------------

struct Client {
    std::uint64_t session = 0;  // the same in all calls for one connection, of no other that is open
    std::string_view address;   // "192.0.2.1", "2001:db8::1"
    std::uint16_t port = 0;
    std::array<std::uint8_t, 16> address_octets{};  // network order; IPv4 as ::ffff:a.b.c.d
    std::string_view name;                          // argument of EHLO or HELO; empty before
    bool extended = false;                          // EHLO
    bool tls = false;
    // Under TLS: "TLSv1.3", "TLS_AES_256_GCM_SHA384".
    std::string_view tls_version;
    std::string_view tls_cipher;
    bool tls_at_proxy = false;  // TLS ends at a proxy in front, which has told of it (docs/proxy.md)
    // Of a client that was asked for its certificate (`tls.client_certificates`) and has one: the SHA-256 of
    // its DER, 32 octets, and its subject (RFC 2253). Empty: it has shown none, or not to the engine.
    std::string_view tls_client_sha256;
    std::string_view tls_client_subject;
    // One of `tls.client_authorities` has issued it; with tls_at_proxy: the proxy says so. If not, the
    // names in it are the client's own words; tls_client_problem says why, and is empty if nobody has tried.
    bool tls_client_verified = false;
    std::string_view tls_client_problem;
};

struct Mail {
    std::string_view reverse_path;    // without angle brackets; empty: the null reverse-path
    std::string_view domain;          // of it
    std::uint64_t declared_size = 0;  // SIZE of MAIL, octets; 0: none
    bool smtputf8 = false;
};

struct Recipient {
    std::string_view forward_path;      // without angle brackets; "postmaster" for <postmaster>
    std::string_view local_part;        // as given, quotes included
    std::string_view domain;            // empty for <postmaster>
    std::uint32_t accepted_before = 0;  // recipients of this transaction so far
};

struct Transaction {
    std::string_view id;            // of the message, as in the 250, the log and for the backend
    std::string_view reverse_path;  // as in Mail
    std::span<const std::string_view> recipients;  // forward-paths that were accepted
    std::uint64_t octets = 0;                      // trace header and mail data so far
    std::span<const std::string_view> content;     // these octets, in order; empty at DATA
    // False: the message was large, or memory short, and storage has begun to take it (the spool only). Then
    // reverse_path, recipients and content are empty; on_data has seen the same `id` with its envelope.
    bool whole = true;
};

// --- callbacks
// ---------------------------------------------------------------------------------------------------

// One function for each place where SMTP lets a receiver say no; those that are empty accept. What the
// configuration refuses (a foreign domain, say) is refused without asking.
struct Callbacks {
    std::function<Decision(const Ticket&, const Client&)> on_connect;
    std::function<Decision(const Ticket&, const Client&)> on_hello;  // EHLO and HELO
    std::function<Decision(const Ticket&, const Client&, const Mail&)> on_mail;
    std::function<Decision(const Ticket&, const Client&, const Mail&, const Recipient&)> on_recipient;
    std::function<Decision(const Ticket&, const Client&, const Transaction&)> on_data;  // before the 354
    std::function<Decision(const Ticket&, const Client&, const Transaction&)> on_end_of_data;
    // The session has ended, however, and asks nothing more; once for each that on_connect could have seen.
    // Also when another MTA names its next client with XCLIENT; on_connect follows, with the same session.
    std::function<void(std::uint64_t session)> on_disconnect;
};

// --- options
// ---------------------------------------------------------------------------------------------------

// Makes one storage backend. Called once for each storage worker (`storage.workers`, by default one), on that
// worker's thread, before start() returns; all calls into the backend come from that thread, and it is
// destroyed there. An exception stops the start with what() as its text. `options` are those of the table
// `storage.plugin.options` of the configuration; one that was not asked for is an error.
using BackendFactory =
    std::function<std::unique_ptr<plugin::Backend>(plugin::Host host, const plugin::Options& options)>;

// The values of docs/configuration.md: its defaults, then those of `config_file` or `config_text`, then the
// fields below that are set (not empty, not 0).
struct Options {
    std::string config_file;  // a TOML file
    std::string config_text;  // or TOML itself; relative paths in it are relative to the working directory

    std::string hostname;             // server.hostname
    std::vector<std::string> listen;  // server.listen; port 0: one that is free, told by Engine::listening()
    std::uint32_t cores = 0;          // server.cores: threads that serve connections
    std::optional<bool> pin;   // server.pin; without a configuration the threads are not bound to processors
    std::uint64_t memory = 0;  // server.memory, octets
    std::uint32_t connections_max = 0;             // server.connections_max
    std::vector<std::string> domains;              // accept.domains; "*": on_recipient alone decides
    std::string recipients_file;                   // accept.recipients
    std::uint64_t message_size = 0;                // smtp.message_size, octets
    std::uint32_t recipients_max = 0;              // smtp.recipients_max
    std::string storage;                           // storage.backend: "spool", "maildir", "discard"
    std::string storage_path;                      // storage.spool.path or storage.maildir.path
    std::uint32_t storage_workers = 0;             // storage.workers
    std::optional<plugin::Durability> durability;  // storage.durability: the least that a 250 must mean
    std::string log_path;                          // log.path

    Callbacks callbacks;

    // A backend of the program's own, in place of storage.backend. `backend_name` shows in the log and in
    // front of its counters: letters, digits and underscores.
    BackendFactory backend;
    std::string backend_name = "embedded";

    // Takes the lines of the log (docs/operations.md), each a JSON object without line end, in place of
    // log.path and standard error. Called on the engine's log thread, from before start() returns until the
    // engine has stopped.
    std::function<void(std::string_view line)> log;
};

// --- engine
// ---------------------------------------------------------------------------------------------------

enum class Failure : std::uint8_t {
    none,
    options,           // an option or the configuration is wrong, or demands what cannot be given:
                       // more durability than storage has, more cores than the memory is enough for
    io_uring_refused,  // by the kernel, or it lacks what the engine needs
    address_in_use,
    storage_locked,  // the spool belongs to another engine
    no_direct_io,    // the spool's file system has no O_DIRECT
    storage,         // storage could not be opened
    other
};

struct Error {
    Failure failure = Failure::none;
    std::string text;  // for a person; may have several lines, one for each thing that is wrong
};

// A running engine. There may be several in a process, each with addresses and storage of its own.
class RINGMX_EXPORT Engine {
 public:
    // Blocks until the engine listens. Null: it could not; `error` says why, and nothing is left behind. Any
    // thread, at any time. Raises the process's soft limit of open files to the hard one.
    static std::unique_ptr<Engine> start(Options options, Error& error);
    // stop(), with the configured deadline. Not on one of the engine's threads.
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Where it listens, in the order of the options: "127.0.0.1:40123", "[::1]:40123".
    const std::vector<std::string>& listening() const;
    std::uint16_t port(std::size_t index = 0) const;  // of listening()[index]; 0: there is none

    // Begins the end and returns: no new connections, mail data in progress finishes, idle clients get 421.
    // Any thread, callbacks and signal handlers too. Without a grace the deadline is server.shutdown_grace;
    // of several deadlines the earliest holds.
    void request_stop() noexcept;
    void request_stop(std::chrono::milliseconds grace) noexcept;
    // Until the engine has ended: the backend is closed, every thread joined. Returns how many connections
    // and messages the deadline cut off; nothing that was acknowledged is among them. Any thread but the
    // engine's own, any number of times.
    int wait();
    // Both.
    int stop();
    int stop(std::chrono::milliseconds grace);

    // Totals over all cores by name: those of docs/operations.md, and the backend's own as NAME.counter. A
    // moment old while it runs. Any thread; also after the end.
    std::map<std::string, std::uint64_t> counters() const;
    // The answer of `ringmxctl status --json`: totals, and the counters of each core.
    std::string counters_json() const;

    // Opens the log file anew, after its rotation. Any thread, signal handlers too.
    void reopen_log() noexcept;

 private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// The version of the library that is in use: "0.1.0".
RINGMX_EXPORT const char* version() noexcept;

}  // namespace ringmx::embed
