// A TLS client over two memory BIOs, and the pump between it and a channel: ciphertext goes across in pieces
// of any size, and the channel has as little room as the test likes.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certificates.hpp"
#include "tls/channel.hpp"
#include "tls/context.hpp"

namespace ringmx::tls::test {

struct ClientOptions {
    int version_max = 0;
    int version_min = 0;
    const char* ciphers = nullptr;  // TLS 1.2
    std::string server_name{};
    SSL_SESSION* session = nullptr;  // to resume
    const CertificateText* certificate = nullptr;
    bool rsa_only = false;  // signature algorithms
};

class Client {
 public:
    explicit Client(const ClientOptions& options = {}) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_ex_data(context_, 0, this);
        SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context_, keep_session);
        SSL_CTX_set_min_proto_version(context_, options.version_min);
        SSL_CTX_set_max_proto_version(context_, options.version_max);
        if (options.ciphers != nullptr) SSL_CTX_set_cipher_list(context_, options.ciphers);
        if (options.rsa_only) SSL_CTX_set1_sigalgs_list(context_, "rsa_pss_rsae_sha256:RSA+SHA256");
        if (options.certificate != nullptr) {
            const auto parsed = parse_certificate(*options.certificate);
            EXPECT_TRUE(parsed.ok());
            SSL_CTX_use_cert_and_key(context_, parsed->leaf.get(), parsed->key.get(), nullptr, 1);
        }
        ssl_ = SSL_new(context_);
        SSL_set_app_data(ssl_, this);
        SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        BIO_set_mem_eof_return(SSL_get_rbio(ssl_), -1);
        SSL_set_connect_state(ssl_);
        if (!options.server_name.empty()) SSL_set_tlsext_host_name(ssl_, options.server_name.c_str());
        if (options.session != nullptr) SSL_set_session(ssl_, options.session);
    }
    ~Client() {
        for (SSL_SESSION* one : sessions)
            SSL_SESSION_free(one);
        // A connection that seems to have broken off makes its tickets void.
        SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        ERR_clear_error();
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool shake() {
        const int result = SSL_do_handshake(ssl_);
        last_error = result == 1 ? 0 : SSL_get_error(ssl_, result);
        alert_reason = last_error == SSL_ERROR_SSL ? ERR_GET_REASON(ERR_peek_error()) : 0;
        ERR_clear_error();
        return result == 1;
    }
    void write(std::string_view text) {
        EXPECT_EQ(SSL_write(ssl_, text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
    }
    std::string read() {
        std::string all;
        std::array<char, 4096> buffer;
        int got = 0;
        while ((got = SSL_read(ssl_, buffer.data(), buffer.size())) > 0)
            all.append(buffer.data(), static_cast<std::size_t>(got));
        last_error = SSL_get_error(ssl_, got);
        ERR_clear_error();
        return all;
    }
    std::string sent() {
        char* data = nullptr;
        const long length = BIO_get_mem_data(SSL_get_wbio(ssl_), &data);
        std::string out(data, static_cast<std::size_t>(length));
        (void)BIO_reset(SSL_get_wbio(ssl_));
        return out;
    }
    void receive(Bytes bytes) {
        if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    }
    SSL* ssl() { return ssl_; }
    std::string server_common_name() {
        char text[256] = {};
        X509* certificate = SSL_get0_peer_certificate(ssl_);
        if (certificate == nullptr) return {};
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
        return text;
    }
    std::string server_key_type() {
        X509* certificate = SSL_get0_peer_certificate(ssl_);
        return certificate == nullptr ? "" : EVP_PKEY_get0_type_name(X509_get0_pubkey(certificate));
    }

    std::vector<SSL_SESSION*> sessions;  // tickets that came
    int last_error = 0;
    int alert_reason = 0;

 private:
    static int keep_session(SSL* ssl, SSL_SESSION* session) {
        static_cast<Client*>(SSL_get_app_data(ssl))->sessions.push_back(session);
        return 1;
    }
    SSL_CTX* context_;
    SSL* ssl_;
};

inline std::shared_ptr<const Context> make_context(const ContextOptions& options,
                                                   std::shared_ptr<TicketKeys> keys = nullptr) {
    auto made = Context::create(options, std::move(keys));
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    return made.ok() ? *made : nullptr;
}

// The server's end, with what came out of it.
struct Server {
    explicit Server(std::shared_ptr<const Context> context) : channel(Channel::accept(std::move(context))) {}

    // Ciphertext from the client in pieces of `piece` octets, plaintext out in rooms of `room` octets.
    void receive(std::string_view ciphertext, std::size_t piece = SIZE_MAX, std::size_t room = 16384) {
        while (!ciphertext.empty()) {
            const std::size_t count = std::min(piece, ciphertext.size());
            Bytes rest = as_bytes(ciphertext.substr(0, count));
            ciphertext.remove_prefix(count);
            std::vector<std::byte> buffer(room);
            for (;;) {
                const std::size_t got = channel->open(rest, buffer);
                received.append(as_text({buffer.data(), got}));
                if (rest.empty() && !channel->has_plaintext()) break;
                if (got == 0) ADD_FAILURE() << "no progress";
                if (got == 0) return;
            }
        }
    }
    // Everything that the channel has to say, and `plaintext`, through a room of `room` octets.
    std::vector<std::byte> take(std::string_view plaintext = {}, std::size_t room = 4096) {
        std::vector<std::byte> all;
        std::vector<std::byte> buffer(room);
        Bytes rest = as_bytes(plaintext);
        for (;;) {
            const std::size_t written = channel->seal(rest, buffer);
            all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(written));
            if (written == 0) break;
        }
        EXPECT_TRUE(rest.empty());
        return all;
    }

    std::unique_ptr<Channel> channel;
    std::string received;
};

// Runs the handshake to its end, whatever that is. True: both ends are open.
inline bool shake_hands(Client& client, Server& server, std::size_t piece = SIZE_MAX,
                        std::size_t room = 4096) {
    bool done = false;
    for (int round = 0; round < 10; ++round) {
        done = client.shake();
        server.receive(client.sent(), piece);
        client.receive(server.take({}, room));
        if (done && server.channel->state() == Channel::State::open) return true;
        if (client.last_error == SSL_ERROR_SSL) break;
    }
    return false;
}

}  // namespace ringmx::tls::test
