// tls::Context: what the channels of one core share: certificates by name and key type, versions, suites,
// ticket keys. Constant once made. A channel keeps its context: a new one takes effect for new connections
// and leaves open ones alone.
//
// Each core has a context of its own, made from the same texts, so that handshakes of different cores meet at
// no lock and no reference count of OpenSSL's; only the ticket keys are shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "tls/authorities.hpp"
#include "tls/certificate.hpp"
#include "tls/ticket_keys.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace ringmx::tls {

// After Mozilla's server side TLS guidelines 5.7. modern: TLS 1.3 alone. intermediate: TLS 1.2 too, with
// forward secrecy and authenticated encryption only; no finite-field Diffie-Hellman.
enum class Profile : std::uint8_t { intermediate, modern };
enum class Version : std::uint8_t { tls_1_2, tls_1_3 };

struct ContextOptions {
    std::vector<CertificateText> certificates;  // at least one; the first of a name and key type is shown
    Profile profile = Profile::intermediate;
    Version version_min = Version::tls_1_2;
    std::uint32_t tickets = 1;  // to a client of TLS 1.3 after a full handshake; 0: no resumption at all
    std::uint32_t ticket_lifetime_s = 43200;  // how long a client may come back with one
    bool request_client_certificate = false;
    std::string client_authorities{};  // PEM; empty: clients' certificates are not verified
};

class Context {
 public:
    // `keys` may be null: then there are no tickets.
    static Result<std::shared_ptr<const Context>> create(const ContextOptions& options,
                                                         std::shared_ptr<TicketKeys> keys);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    ssl_ctx_st* native() const { return contexts_.front().get(); }
    const TicketKeys* ticket_keys() const { return keys_.get(); }
    bool verifies_clients() const { return authorities_ != nullptr; }
    // Those of the certificates for this name: exact, else by wildcard, else the first ones of the list.
    ssl_ctx_st* for_name(std::string_view name) const;

 private:
    struct ContextDeleter {
        void operator()(ssl_ctx_st* context) const;
    };
    using ContextPointer = std::unique_ptr<ssl_ctx_st, ContextDeleter>;

    explicit Context(std::shared_ptr<TicketKeys> keys) : keys_(std::move(keys)) {}
    Status add(const ContextOptions& options, const std::vector<const Certificate*>& certificates);
    Status add_names(const ContextOptions& options, const std::vector<Certificate>& certificates);

    const std::shared_ptr<TicketKeys> keys_;
    StorePointer authorities_;  // null: clients' certificates are not verified
    std::string session_context_;
    // The first is for clients that give no name, or an unknown one.
    std::vector<ContextPointer> contexts_;
    std::unordered_map<std::string, ssl_ctx_st*> by_name_;  // lower case; wildcards as "*.example.com"
};

}  // namespace ringmx::tls
