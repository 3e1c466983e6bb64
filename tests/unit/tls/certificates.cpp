#include "certificates.hpp"

#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace ringmx::tls::test {

namespace {

void need(bool done) {
    if (!done) throw std::runtime_error("a test certificate cannot be made");
}

KeyPointer make_key(KeyKind kind) {
    KeyPointer key(kind == KeyKind::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
    need(key != nullptr);
    return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    need(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

X509Pointer issue(const std::string& common_name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                  const std::vector<std::string>& names, bool authority, const Wanted& wanted) {
    static long serial = 1;
    X509Pointer made(X509_new());
    X509* const x = made.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), wanted.begins_s);
    X509_gmtime_adj(X509_getm_notAfter(x), wanted.ends_s);
    X509_set_pubkey(x, key);
    const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, text,
                               static_cast<int>(common_name.size()), -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer : x));
    add_extension(x, issuer != nullptr ? issuer : x, NID_basic_constraints,
                  authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    std::string list;
    for (const std::string& name : names)
        list += (list.empty() ? "DNS:" : ",DNS:") + name;
    if (!list.empty()) add_extension(x, x, NID_subject_alt_name, list);
    need(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return made;
}

template <typename Write>
std::string pem(Write&& write) {
    BIO* out = BIO_new(BIO_s_mem());
    need(write(out) == 1);
    char* data = nullptr;
    const long length = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(length));
    BIO_free(out);
    return text;
}

}  // namespace

CertificateText make_certificate(const Wanted& wanted) {
    const KeyPointer key = make_key(wanted.key);
    KeyPointer above_key;
    X509Pointer above;
    std::string issuers;
    for (int i = wanted.issuers; i > 0; --i) {
        KeyPointer own = make_key(KeyKind::ec);
        X509Pointer made = issue(wanted.common_name + " authority " + std::to_string(i), own.get(),
                                 above.get(), above_key ? above_key.get() : own.get(), {}, true, wanted);
        issuers = pem([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); }) + issuers;
        above = std::move(made);
        above_key = std::move(own);
    }
    const X509Pointer leaf = issue(wanted.common_name, key.get(), above.get(),
                                   above_key ? above_key.get() : key.get(), wanted.names, false, wanted);
    CertificateText text;
    text.label = wanted.common_name;
    text.chain = pem([&](BIO* out) { return PEM_write_bio_X509(out, leaf.get()); }) + issuers;
    text.key.assign(pem([&](BIO* out) {
        return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    }));
    return text;
}

}  // namespace ringmx::tls::test
