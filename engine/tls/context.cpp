#include "tls/context.hpp"

#include <algorithm>
#include <map>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/limits.hpp"
#include "digest/sha256.hpp"
#include "tls/failure.hpp"

namespace ringmx::tls {

namespace {

constexpr const char* kCiphersTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr std::string_view kSessionContext = "ringmx";  // tickets are for this service
constexpr int kClientChainMax = 8;                      // authorities above a client's certificate

int context_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

const Context& context_of(SSL_CTX* native) {
    return *static_cast<const Context*>(SSL_CTX_get_ex_data(native, context_index()));
}

// Chooses the certificates by the name that the client asks for. An unknown name is no reason to refuse: mail
// is sent to MX names, addresses and aliases.
int choose_by_name(SSL* ssl, int*, void* argument) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* chosen = static_cast<const Context*>(argument)->for_name(name);
    if (chosen != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen);
    return SSL_TLSEXT_ERR_OK;
}

// Whoever they are: their certificate is a fact for policy, not a condition. Without authorities nothing is
// verified of it: that would be work at the client's bidding, and for nothing. What was found stays with the
// session (Channel::client_certificate).
int accept_any_client(X509_STORE_CTX* verification, void* authorities) {
    if (authorities == nullptr) return 1;
    const bool verified = X509_verify_cert(verification) == 1;
    if (!verified && X509_STORE_CTX_get_error(verification) == X509_V_OK)
        X509_STORE_CTX_set_error(verification, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

// A ticket holds what was found of the client's certificate: with other authorities it is void.
std::string session_context(const std::string& authorities) {
    std::string context(kSessionContext);
    if (authorities.empty()) return context;
    Sha256 hash;
    hash.add(authorities);
    const Sha256::Digest digest = hash.finish();
    return context.append(reinterpret_cast<const char*>(digest.data()),
                          SSL_MAX_SID_CTX_LENGTH - kSessionContext.size());
}

bool use_key(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
             bool seal) {
    const int ciphered =
        seal ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher_key.data(), iv)
             : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher_key.data(), iv);
    char digest[] = "SHA256";
    auto* const octets = const_cast<unsigned char*>(key.mac_key.data());
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, octets, key.mac_key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return ciphered == 1 && EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// Of SSL_CTX_set_tlsext_ticket_key_evp_cb. Answers: 1 done; 2 done, and give a new ticket; 0 a ticket that is
// not known, and a full handshake; -1 failed.
int seal_or_open_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac, int seal) {
    const TicketKeys* keys = context_of(SSL_get_SSL_CTX(ssl)).ticket_keys();
    if (seal != 0) {
        const TicketKey key = keys->current();
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
        std::copy(key.name.begin(), key.name.end(), name);
        return use_key(key, iv, cipher, mac, true) ? 1 : -1;
    }
    const auto found = keys->find(name);
    if (!found) return 0;
    if (!use_key(found->key, iv, cipher, mac, false)) return -1;
    return found->is_current ? 1 : 2;
}

Status refused(const std::string& what) {
    return Error{0, what + ": " + take_error_text()};
}

}  // namespace

void Context::ContextDeleter::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

Context::~Context() = default;

// One native context: these certificates, at most one of each key type.
Status Context::add(const ContextOptions& options, const std::vector<const Certificate*>& certificates) {
    ContextPointer made(SSL_CTX_new(TLS_server_method()));
    if (!made) return refused("TLS cannot be set up");
    SSL_CTX* const native = made.get();
    const bool modern = options.profile == Profile::modern || options.version_min == Version::tls_1_3;
    // Set in code, whatever openssl.cnf says: what a profile means is written in docs/tls.md.
    const bool set = SSL_CTX_set_ex_data(native, context_index(), this) == 1 &&
                     SSL_CTX_set_min_proto_version(native, modern ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
                     SSL_CTX_set_max_proto_version(native, 0) == 1 &&
                     SSL_CTX_set_cipher_list(native, kCiphersTls12) == 1 &&
                     SSL_CTX_set1_groups_list(native, kGroups) == 1 &&
                     SSL_CTX_set_session_id_context(
                         native, reinterpret_cast<const unsigned char*>(session_context_.data()),
                         static_cast<unsigned>(session_context_.size())) == 1 &&
                     SSL_CTX_set_max_send_fragment(native, limits::tls_record_sent_octets_max) == 1;
    if (!set) return refused("TLS cannot be set up");
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);  // sessions are with the clients
    const bool tickets = options.tickets > 0 && keys_ != nullptr;
    SSL_CTX_set_num_tickets(native, tickets ? options.tickets : 0);
    if (tickets) {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(native, seal_or_open_ticket);
        SSL_CTX_set_timeout(native, static_cast<long>(options.ticket_lifetime_s));
    } else {
        SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    }
    if (options.request_client_certificate) SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(native, accept_any_client, authorities_.get());
    if (authorities_) {
        SSL_CTX_set1_verify_cert_store(native, authorities_.get());  // not for the server's own chain
        SSL_CTX_set_verify_depth(native, kClientChainMax);
    }
    SSL_CTX_set_max_cert_list(native, limits::tls_certificate_list_octets_max);
    SSL_CTX_set_tlsext_servername_callback(native, choose_by_name);
    SSL_CTX_set_tlsext_servername_arg(native, this);
    for (const Certificate* one : certificates) {
        STACK_OF(X509)* chain = sk_X509_new_null();
        bool good = chain != nullptr;
        for (const X509Pointer& issuer : one->issuers)
            good = good && sk_X509_push(chain, issuer.get()) > 0;
        good = good && SSL_CTX_use_cert_and_key(native, one->leaf.get(), one->key.get(), chain, 0) == 1;
        sk_X509_free(chain);
        if (!good) return refused("a certificate cannot be used");
    }
    contexts_.push_back(std::move(made));
    return ok_status();
}

// Names that have the same certificates share a native context.
Status Context::add_names(const ContextOptions& options, const std::vector<Certificate>& certificates) {
    const auto first_of_each_type = [&](auto&& wanted) {
        std::vector<const Certificate*> chosen;
        for (const Certificate& one : certificates) {
            const bool have = std::any_of(chosen.begin(), chosen.end(), [&](const Certificate* other) {
                return other->key_type == one.key_type;
            });
            if (!have && wanted(one)) chosen.push_back(&one);
        }
        return chosen;
    };
    std::map<std::vector<const Certificate*>, SSL_CTX*> made;
    const auto of = [&](const std::vector<const Certificate*>& chosen) -> Result<SSL_CTX*> {
        if (const auto at = made.find(chosen); at != made.end()) return at->second;
        if (Status added = add(options, chosen); !added) return added.error();
        return made[chosen] = contexts_.back().get();
    };
    // Without a name: the first certificate, and one of another key type for the same names.
    const std::vector<std::string>& first_names = certificates.front().names;
    const auto fallback = of(first_of_each_type(
        [&](const Certificate& one) { return &one == &certificates.front() || one.names == first_names; }));
    if (!fallback) return fallback.error();
    for (const Certificate& certificate : certificates) {
        for (const std::string& name : certificate.names) {
            if (by_name_.contains(name)) continue;
            const auto native = of(first_of_each_type([&](const Certificate& one) {
                return std::find(one.names.begin(), one.names.end(), name) != one.names.end();
            }));
            if (!native) return native.error();
            by_name_[name] = *native;
        }
    }
    return ok_status();
}

Result<std::shared_ptr<const Context>> Context::create(const ContextOptions& options,
                                                       std::shared_ptr<TicketKeys> keys) {
    ERR_clear_error();
    std::vector<Certificate> certificates;
    for (const CertificateText& text : options.certificates) {
        auto certificate = parse_certificate(text);
        if (!certificate) return certificate.error();
        certificates.push_back(std::move(*certificate));
    }
    if (certificates.empty()) return Error{0, "TLS needs a certificate"};
    std::shared_ptr<Context> context(new Context(std::move(keys)));
    context->session_context_ = session_context(options.client_authorities);
    if (!options.client_authorities.empty()) {
        auto authorities = make_store(options.client_authorities);
        if (!authorities) return Error{0, "tls.client_authorities: " + authorities.error().message};
        context->authorities_ = std::move(*authorities);
    }
    if (Status added = context->add_names(options, certificates); !added) return added.error();
    ERR_clear_error();
    return std::shared_ptr<const Context>(std::move(context));
}

ssl_ctx_st* Context::for_name(std::string_view name) const {
    std::string key(name.substr(0, limits::domain_octets_min));
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    if (!key.empty() && key.back() == '.') key.pop_back();
    if (const auto exact = by_name_.find(key); exact != by_name_.end()) return exact->second;
    if (const std::size_t dot = key.find('.'); dot != std::string::npos) {
        const auto wildcard = by_name_.find("*" + key.substr(dot));
        if (wildcard != by_name_.end()) return wildcard->second;
    }
    return native();
}

}  // namespace ringmx::tls
