#include "tls_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace ringmx::load {

// The transport below a stream: a BIO that reads from its input and writes to its output.
struct TlsHooks {
    static int read(BIO* bio, char* to, int count) {
        auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (stream.input_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t taken = std::min(stream.input_.size(), static_cast<std::size_t>(count));
        std::memcpy(to, stream.input_.data(), taken);
        stream.input_.remove_prefix(taken);
        return static_cast<int>(taken);
    }
    static int write(BIO* bio, const char* from, int count) {
        auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
        stream.output_.append(from, static_cast<std::size_t>(count));
        return count;
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static BIO_METHOD* method() {
        static BIO_METHOD* const kMethod = [] {
            BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ringmx-load");
            BIO_meth_set_read(made, read);
            BIO_meth_set_write(made, write);
            BIO_meth_set_ctrl(made, control);
            return made;
        }();
        return kMethod;
    }

    // 1: we keep the reference.
    static int on_session(SSL* ssl, SSL_SESSION* session) {
        auto& stream = *static_cast<TlsStream*>(SSL_get_app_data(ssl));
        if (!stream.keep_session_) return 0;
        stream.session_.reset(session);
        return 1;
    }
};

namespace {

int protocol_of(const std::string& version) {
    if (version == "1.2") return TLS1_2_VERSION;
    if (version == "1.3") return TLS1_3_VERSION;
    return 0;  // OpenSSL's own limit
}

bool is_address(const std::string& host) {
    in6_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
           inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string text_of(unsigned long error) {
    const char* const reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : "error " + std::to_string(error);
}

// A certificate must verify against `file`, and be of `host`.
Status demand_certificate(SSL_CTX* context, const std::string& file, const std::string& host) {
    if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
        return Error{EINVAL, "--tls-ca " + file + ": " + text_of(ERR_peek_last_error())};
    }
    X509_VERIFY_PARAM* const demand = SSL_CTX_get0_param(context);
    const int set = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(demand, host.c_str())
                                     : X509_VERIFY_PARAM_set1_host(demand, host.data(), host.size());
    if (set != 1) return Error{EINVAL, "'" + host + "' is no name that a certificate can have"};
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    return ok_status();
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(const Options& options) {
    ERR_clear_error();
    std::unique_ptr<TlsContext> made(new TlsContext);
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = made->context_.get();
    if (context == nullptr) return Error{ENOMEM, "OpenSSL: " + text_of(ERR_peek_last_error())};
    SSL_CTX_set_min_proto_version(context, protocol_of(options.tls_min));
    SSL_CTX_set_max_proto_version(context, protocol_of(options.tls_max));
    // Buffers are held while a record is in them only: 32 KiB less for each connection.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, options.tls_resume
                                                ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                                : SSL_SESS_CACHE_OFF);
    if (options.tls_resume) SSL_CTX_sess_set_new_cb(context, TlsHooks::on_session);
    const std::string& host = options.tls_name.empty() ? options.target.host : options.tls_name;
    if (!options.tls_ca.empty()) {
        if (const Status set = demand_certificate(context, options.tls_ca, host); !set) return set.error();
    }
    if (!is_address(host)) made->server_name_ = host;  // an address is no name for SNI (RFC 6066 §3)
    return made;
}

bool TlsStream::open(const TlsContext& context, bool resume) {
    ssl_.reset(SSL_new(context.raw()));
    BIO* const bio = ssl_ ? BIO_new(TlsHooks::method()) : nullptr;
    if (bio == nullptr) return false;
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_connect_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
    if (!context.server_name().empty()) SSL_set_tlsext_host_name(ssl_.get(), context.server_name().c_str());
    keep_session_ = resume;
    // Offered until the server gives another: of TLS 1.3, too (RFC 8446 appendix C.4 advises against it for
    // privacy's sake), since Postfix gives a new ticket with a full handshake only. A copy is offered,
    // because OpenSSL marks a used session of TLS 1.3 as one not to be used again.
    if (resume && session_) {
        const std::unique_ptr<SSL_SESSION, TlsFree> copy(SSL_SESSION_dup(session_.get()));
        if (copy) SSL_set_session(ssl_.get(), copy.get());
    }
    input_ = {};
    output_.clear();
    failure_ = TlsFailure::none;
    established_ = false;
    return true;
}

void TlsStream::close() {
    if (!ssl_) return;
    // Not every server says close_notify; without this, OpenSSL would not resume the session.
    if (established_ && failure_ == TlsFailure::none) {
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    ssl_.reset();
    output_.clear();
}

TlsEvent TlsStream::receive(char* room, std::string_view& text) {
    if (failure_ != TlsFailure::none) return TlsEvent::failed;
    ERR_clear_error();  // the thread's, of another stream: SSL_get_error would take it for ours
    if (!established_) {
        const int result = SSL_do_handshake(ssl_.get());
        established_ = result == 1;
        return established_ ? TlsEvent::handshake_over : event_of(result);
    }
    const int count = SSL_read(ssl_.get(), room, static_cast<int>(kTextMax));
    if (count <= 0) return event_of(count);
    text = {room, static_cast<std::size_t>(count)};
    return TlsEvent::text;
}

TlsEvent TlsStream::event_of(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return TlsEvent::starved;
        case SSL_ERROR_ZERO_RETURN:
            return TlsEvent::end;
        default:
            break;
    }
    error_ = ERR_peek_last_error();
    verify_result_ = SSL_get_verify_result(ssl_.get());
    const bool verifies = (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0;
    if (verifies && verify_result_ != X509_V_OK) {
        failure_ = TlsFailure::verify;
    } else {
        failure_ = ERR_GET_REASON(error_) >= SSL_AD_REASON_OFFSET ? TlsFailure::alert : TlsFailure::octets;
    }
    return TlsEvent::failed;
}

bool TlsStream::encrypt(std::string_view text) {
    if (text.empty()) return true;
    if (failure_ != TlsFailure::none) return false;
    ERR_clear_error();
    std::size_t written = 0;  // the output takes everything: all or an error
    const int result = SSL_write_ex(ssl_.get(), text.data(), text.size(), &written);
    if (result == 1) return true;
    event_of(result);
    return false;
}

void TlsStream::end() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
}

std::string TlsStream::parameters() const {
    return std::string(SSL_get_version(ssl_.get())) + " " + SSL_get_cipher_name(ssl_.get());
}

std::string TlsStream::failure_text() const {
    switch (failure_) {
        case TlsFailure::verify:
            return std::string("its certificate does not verify: ") +
                   X509_verify_cert_error_string(verify_result_);
        case TlsFailure::alert:
            return "it ended TLS with an alert: " + text_of(error_);
        case TlsFailure::octets:
            return "what it sent is not correct TLS: " + text_of(error_);
        case TlsFailure::none:
            break;
    }
    return "";
}

}  // namespace ringmx::load
