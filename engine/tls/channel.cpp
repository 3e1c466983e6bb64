#include "tls/channel.hpp"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "tls/context.hpp"

namespace ringmx::tls {

namespace {

constexpr std::uint8_t kHandshakeRecord = 22;  // RFC 8446 §5.1
constexpr std::byte kClientHello{1};           // RFC 8446 §4

// Where the head of a connection's first record and message has what: type and length of either.
constexpr std::size_t kRecordLengthAt = 3;
constexpr std::size_t kMessageTypeAt = 5;
constexpr std::size_t kMessageLengthAt = 6;
constexpr std::size_t kMessageHeaderOctets = 4;

// What a record has beside its plaintext, at most: header, nonce, padding and tag of any suite (RFC 5246
// §6.2.3).
constexpr std::size_t kRecordOverheadMax = 96;

constexpr std::size_t kSubjectOctetsMax = 255;

}  // namespace

std::unique_ptr<Channel> Channel::accept(std::shared_ptr<const Context> context) {
    std::unique_ptr<Channel> channel(new Channel(std::move(context)));
    const bool whole = channel->ssl_ != nullptr;
    ERR_clear_error();
    return whole ? std::move(channel) : nullptr;
}

Channel::Channel(std::shared_ptr<const Context> context) : context_(std::move(context)) {
    ssl_ = SSL_new(context_->native());
    if (ssl_ == nullptr) return;
    BIO* bio = make_span_bio(ends_);
    if (bio == nullptr) {
        SSL_free(ssl_);
        ssl_ = nullptr;
        return;
    }
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
    SSL_set_msg_callback(ssl_, watch);
    SSL_set_msg_callback_arg(ssl_, this);
}

Channel::~Channel() {
    SSL_free(ssl_);
    ERR_clear_error();
}

// OpenSSL would answer what is no TLS with an alert, which makes no sense to whoever does not speak it; and
// it makes room for a whole ClientHello as soon as its length has come.
void Channel::look_at_head(Bytes ciphertext) {
    const std::size_t count = std::min(head_.size() - head_octets_, ciphertext.size());
    std::copy_n(ciphertext.begin(), count, head_.begin() + static_cast<std::ptrdiff_t>(head_octets_));
    head_octets_ += count;
    const auto octet = [this](std::size_t at) { return std::to_integer<std::size_t>(head_[at]); };
    if (head_octets_ > 0 && octet(0) != kHandshakeRecord) return fail(Failure::not_tls, {});
    if (head_octets_ < head_.size()) return;
    const std::size_t record = octet(kRecordLengthAt) << 8 | octet(kRecordLengthAt + 1);
    const std::size_t message =
        octet(kMessageLengthAt) << 16 | octet(kMessageLengthAt + 1) << 8 | octet(kMessageLengthAt + 2);
    if (record < kMessageHeaderOctets || head_[kMessageTypeAt] != kClientHello ||
        message > limits::tls_client_hello_octets_max)
        fail(Failure::protocol, "not a ClientHello, or too long");
}

// OpenSSL tells of each record: its type as it stands in clear, and the type that TLS 1.3 hides in it.
void Channel::watch(int sent, int version, int type, const void* octets, std::size_t count, ssl_st*,
                    void* channel) {
    if (sent != 0 || count == 0) return;
    const auto first = *static_cast<const std::uint8_t*>(octets);
    if (type == SSL3_RT_INNER_CONTENT_TYPE || (type == SSL3_RT_HEADER && version != TLS1_3_VERSION))
        static_cast<Channel*>(channel)->see_record(first);
}

// On an open connection handshake records are KeyUpdates (TLS 1.3), which cost us more than the client, or
// the beginning of a renegotiation (TLS 1.2), which OpenSSL refuses only when it is complete.
void Channel::see_record(std::uint8_t type) {
    if (state_ != State::open || type != kHandshakeRecord) return;
    const bool renegotiation = SSL_version(ssl_) != TLS1_3_VERSION;
    if (!renegotiation && ++rekeys_ <= limits::tls_rekeys_max + data_octets_ / limits::tls_octets_per_rekey)
        return;
    refused_ = true;
    ends_.input = {};  // it is not to go on
}

std::size_t Channel::open(Bytes& ciphertext, MutableBytes plaintext) {
    ERR_clear_error();  // of whoever else uses OpenSSL on this thread: SSL_get_error() would take it for ours
    if (state_ == State::handshake && head_octets_ < head_.size()) look_at_head(ciphertext);
    ends_.input = ciphertext;
    if (state_ == State::handshake) shake_hands();
    const std::size_t got = state_ == State::open ? read(plaintext) : 0;
    ciphertext = state_ == State::open ? ends_.input : Bytes{};
    ends_.input = {};
    return got;
}

void Channel::shake_hands() {
    const int result = SSL_do_handshake(ssl_);
    if (result != 1) return settle(result);
    state_ = State::open;
    ERR_clear_error();  // a handshake that succeeds may have tried what did not
}

std::size_t Channel::read(MutableBytes plaintext) {
    std::size_t total = 0;
    // Without more ciphertext, or plaintext of a record that did not fit, there is nothing to be had.
    while (total < plaintext.size() && (!ends_.input.empty() || SSL_pending(ssl_) > 0)) {
        std::size_t got = 0;
        const int result = SSL_read_ex(ssl_, plaintext.data() + total, plaintext.size() - total, &got);
        if (refused_) {
            fail(Failure::protocol, "too many handshake messages on an open connection");
            ERR_clear_error();
            break;
        }
        if (result != 1) {
            settle(result);
            break;
        }
        total += got;
    }
    data_octets_ += total;
    return total;
}

// What an operation of OpenSSL's ended with that did not succeed.
void Channel::settle(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:  // says that the queue is empty
            return;
        case SSL_ERROR_ZERO_RETURN:
            state_ = State::ended;
            return;
        default: {
            const Diagnosis why = take_diagnosis();
            fail(why.failure, why.text);
        }
    }
}

void Channel::fail(Failure failure, std::string_view text) {
    state_ = State::failed;
    failure_ = failure;
    failure_text_ = text;
}

std::size_t Channel::seal(Bytes& plaintext, MutableBytes ciphertext) {
    ERR_clear_error();
    std::size_t written = ends_.take_kept(ciphertext);
    if (state_ == State::handshake || state_ == State::failed || closed_) return written;
    while (!plaintext.empty() && !has_output() && ciphertext.size() - written > kRecordOverheadMax) {
        const std::size_t octets =
            std::min({plaintext.size(), ciphertext.size() - written - kRecordOverheadMax,
                      limits::tls_record_sent_octets_max});
        ends_.output = ciphertext.subspan(written);
        std::size_t taken = 0;
        const int result = SSL_write_ex(ssl_, plaintext.data(), octets, &taken);
        written = ciphertext.size() - ends_.output.size();
        ends_.output = {};
        if (result != 1) {
            settle(result);
            // In the middle of a message of the client's own OpenSSL writes nothing, and may never do so
            // again.
            if (state_ != State::failed)
                fail(Failure::protocol, "data cannot be written within a handshake message");
            break;
        }
        RMX_ASSERT(taken == octets);
        plaintext = plaintext.subspan(taken);
    }
    return written;
}

void Channel::close() {
    if (closed_ || state_ == State::handshake || state_ == State::failed) return;
    closed_ = true;
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

bool Channel::has_plaintext() const {
    return state_ == State::open && SSL_pending(ssl_) > 0;
}

ChannelFacts Channel::facts() const {
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
    const char* name = cipher == nullptr ? nullptr : SSL_CIPHER_get_name(cipher);
    return {SSL_get_version(ssl_), name == nullptr ? std::string_view{} : name,
            SSL_session_reused(ssl_) == 1};
}

std::optional<ClientCertificate> Channel::client_certificate() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_);
    if (certificate == nullptr) return std::nullopt;
    ClientCertificate client;
    unsigned length = 0;
    X509_digest(certificate, EVP_sha256(), client.sha256.data(), &length);
    std::array<char, kSubjectOctetsMax + 1> text{};
    if (BIO* out = BIO_new(BIO_s_mem())) {
        X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
        const int octets = BIO_read(out, text.data(), kSubjectOctetsMax);
        if (octets > 0) client.subject.assign(text.data(), static_cast<std::size_t>(octets));
        BIO_free(out);
    }
    if (context_->verifies_clients()) {
        const long found = verification(certificate);
        client.verified = found == X509_V_OK;
        if (!client.verified) client.problem = X509_verify_cert_error_string(found);
    }
    ERR_clear_error();
    return client;
}

// Of the full handshake, which may have been a while ago.
long Channel::verification(const x509_st* certificate) const {
    const long found = SSL_get_verify_result(ssl_);
    const bool ended = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
    return found == X509_V_OK && ended ? X509_V_ERR_CERT_HAS_EXPIRED : found;
}

std::string_view Channel::server_name() const {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string_view{} : name;
}

}  // namespace ringmx::tls
