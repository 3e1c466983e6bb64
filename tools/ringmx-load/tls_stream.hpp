// The client's side of TLS (RFC 8446, RFC 5246) for one connection, by OpenSSL, without a socket: octets of
// the peer are fed in where they lie, records for the peer are appended to a string. So the same code serves
// the load's rings and the probe's blocking socket, and a test needs no network.
//
// A TlsContext and its streams belong to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "base/result.hpp"
#include "options.hpp"

namespace ringmx::load {

struct TlsFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

// Versions, trust, and the name that is asked for and verified, from Options.
class TlsContext {
 public:
    // An Error names the file that cannot be read.
    static Result<std::unique_ptr<TlsContext>> create(const Options& options);

    SSL_CTX* raw() const { return context_.get(); }
    const std::string& server_name() const { return server_name_; }  // for SNI; empty: none

 private:
    TlsContext() = default;

    std::unique_ptr<SSL_CTX, TlsFree> context_;
    std::string server_name_;
};

// What receive() came to.
enum class TlsEvent : std::uint8_t {
    starved,         // all that was fed is used up: feed more
    handshake_over,  // once; encrypt() may be called from now on
    text,            // decrypted octets
    end,             // close_notify: the peer sends nothing more
    failed,          // failure() and failure_text() say why; the stream is of no more use
};

enum class TlsFailure : std::uint8_t {
    none,
    alert,   // the peer sent a fatal alert
    verify,  // its certificate does not verify, or is another host's
    octets,  // what it sent is not TLS, or not correct
};

class TlsStream {
 public:
    TlsStream() = default;
    TlsStream(const TlsStream&) = delete;  // OpenSSL knows its address
    TlsStream& operator=(const TlsStream&) = delete;

    static constexpr std::size_t kTextMax = 16u << 10;  // of a record: as much as receive() yields at once

    // Begins a connection's client side. With `resume`, offers the session that the stream's connection
    // before has left, if there is one, and keeps the next that the server gives. False: out of memory.
    bool open(const TlsContext& context, bool resume);
    // The session is kept.
    void close();

    // Octets of the peer. They stay where they are until receive() has returned `starved`.
    void feed(std::string_view octets) { input_ = octets; }
    // Goes on as far as the next event. Called first without octets: writes the ClientHello. `text` (octets
    // that were decrypted) lies in `room`, of kTextMax octets.
    TlsEvent receive(char* room, std::string_view& text);
    // Appends records with `text` to output(). False: failed.
    bool encrypt(std::string_view text);
    // Appends close_notify to output(): nothing is encrypted any more.
    void end();

    // Records for the peer; whoever sends them takes them out.
    std::string& output() { return output_; }

    // After the handshake
    bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
    std::string parameters() const;  // "TLSv1.3 TLS_AES_256_GCM_SHA384"

    TlsFailure failure() const { return failure_; }
    std::string failure_text() const;

 private:
    friend struct TlsHooks;  // what OpenSSL calls back

    TlsEvent event_of(int result);

    std::unique_ptr<SSL, TlsFree> ssl_;
    std::unique_ptr<SSL_SESSION, TlsFree> session_;  // for the next connection
    std::string_view input_;
    std::string output_;
    TlsFailure failure_ = TlsFailure::none;
    bool established_ = false;
    bool keep_session_ = false;
    unsigned long error_ = 0;  // OpenSSL's
    long verify_result_ = 0;   // X509_V_OK
};

}  // namespace ringmx::load
