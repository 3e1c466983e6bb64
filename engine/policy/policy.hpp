// Policy: whether mail is wanted, at every point where SMTP lets a receiver say no. A policy may answer at
// once or later, so that DNS, milters and remote services fit the same places.
//
// One Policy object per core; its calls and its answers are on that core's thread. Every string_view is valid
// during the call only; reply texts have static storage duration or live as long as the policy.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/peer.hpp"
#include "base/reply.hpp"
#include "message/message.hpp"

namespace ringmx::policy {

// Names the question of one session; an answer that comes later carries it back. A session that has gone
// makes the answer void; the receiver checks that.
struct Ticket {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t sequence = 0;  // of the question within the session
};

struct ClientFacts {
    PeerAddress address;
    std::string_view name;  // EHLO/HELO argument; empty before
    bool extended = false;  // EHLO
    bool tls = false;
    // Under TLS: "TLSv1.3", "TLS_AES_256_GCM_SHA384".
    std::string_view tls_version{};
    std::string_view tls_cipher{};
    // Of a client that was asked for its certificate (tls.client_certificates) and has one: the SHA-256 of
    // its DER, 32 octets, and its subject (RFC 2253). It has the key; who has vouched for the names is the
    // matter of tls_client_verified: one of tls.client_authorities, or with tls_at_proxy the proxy says so.
    std::string_view tls_client_sha256{};
    std::string_view tls_client_subject{};
    bool tls_client_verified = false;
    std::string_view tls_client_problem{};  // why not; static; empty: nobody has tried
    // Of a client that a proxy (PROXY protocol) or another MTA (XCLIENT) has named: docs/proxy.md. Views are
    // empty, and families none, where nothing was told.
    PeerAddress via{};          // the connection's own peer; family none: the client itself
    PeerAddress destination{};  // where the client has connected to
    bool tls_at_proxy =
        false;  // `tls` is between the client and the proxy; version and suite as it told them
    std::string_view tls_client_name{};  // the common name of the certificate that the proxy was shown
    std::string_view authority{};        // the server name that the client asked the proxy for
    std::string_view unique_id{};        // the proxy's, of this connection: octets
    std::string_view host{};             // the client's host name, as the other MTA has looked it up
    std::string_view login{};            // whom it has authenticated as
};

struct MailFacts {
    std::string_view reverse_path;
    std::string_view domain;
    std::uint64_t declared_size = 0;  // 0: not declared
    bool smtputf8 = false;
};

struct RecipientFacts {
    std::string_view forward_path;  // "postmaster" for <postmaster>
    std::string_view local_part;    // as given, quotes included
    std::string_view domain;        // empty for <postmaster>
    std::uint32_t accepted_before = 0;
};

// Where answers that come later go.
class Answers {
 public:
    // On the core's thread. The decision's text is valid until the next collect().
    virtual void answer(Ticket ticket, const Decision& decision) = 0;
    // Any thread, between attach() and detach(): the core calls collect() soon.
    virtual void wake() = 0;

 protected:
    ~Answers() = default;
};

class Policy {
 public:
    virtual ~Policy() = default;
    // Before the first question. `answers` is valid until detach().
    virtual void attach(Answers&) {}
    // Once in every turn of the core: what other threads have decided goes to Answers::answer from here.
    virtual void collect() {}
    // After the last question; no answer is wanted any more. Also called when attach() was not.
    virtual void detach() {}
    virtual Decision on_connect(Ticket, const ClientFacts&) { return Decision::accept(); }
    virtual Decision on_hello(Ticket, const ClientFacts&) { return Decision::accept(); }
    virtual Decision on_mail(Ticket, const ClientFacts&, const MailFacts&) { return Decision::accept(); }
    virtual Decision on_recipient(Ticket, const ClientFacts&, const MailFacts&, const RecipientFacts&) {
        return Decision::accept();
    }
    virtual Decision on_data(Ticket, const ClientFacts&, const Message&) { return Decision::accept(); }
    // The message is whole and in memory, or streamed to storage in parts already (then only the rest is
    // here).
    virtual Decision on_end_of_data(Ticket, const ClientFacts&, const Message&) { return Decision::accept(); }
    virtual void on_disconnect(Ticket) {}  // questions of this session need no answer any more
};

}  // namespace ringmx::policy
