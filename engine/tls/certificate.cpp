#include "tls/certificate.hpp"

#include <algorithm>
#include <ctime>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/limits.hpp"
#include "tls/failure.hpp"

namespace ringmx::tls {

namespace {

constexpr std::int64_t kDayS = 86400;

struct BioDeleter {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPointer = std::unique_ptr<BIO, BioDeleter>;

BioPointer over(std::string_view text) {
    return BioPointer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Keys with a passphrase are not for servers: nobody is there to type it.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

Error problem(const CertificateText& text, const std::string& what) {
    ERR_clear_error();
    return Error{0, text.label + ": " + what};
}

std::int64_t seconds_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
    return timegm(&parts);
}

std::string day_of(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[16];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return out;
}

// The DNS names that it is issued for (RFC 5280 §4.2.1.6).
std::vector<std::string> alternative_names(X509* certificate) {
    std::vector<std::string> names;
    auto* all =
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all); ++i) {
        const GENERAL_NAME* one = sk_GENERAL_NAME_value(all, i);
        if (one->type != GEN_DNS) continue;
        const auto* octets = reinterpret_cast<const char*>(ASN1_STRING_get0_data(one->d.dNSName));
        names.push_back(lower({octets, static_cast<std::size_t>(ASN1_STRING_length(one->d.dNSName))}));
    }
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return names;
}

// X509_check_host wants a host; the example for "*.example.com" is any of them.
std::string host_of(std::string_view name) {
    return name.starts_with("*.") ? "any" + std::string(name.substr(1)) : std::string(name);
}

Status read_chain(const CertificateText& text, Certificate& out) {
    const BioPointer bio = over(text.chain);
    for (;;) {
        X509Pointer one(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
        if (!one) break;
        if (!out.leaf) {
            out.leaf = std::move(one);
        } else {
            out.issuers.push_back(std::move(one));
        }
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!out.leaf) return problem(text, "holds no certificate in PEM: " + take_error_text());
    if (!at_end) return problem(text, "has a certificate that cannot be read: " + take_error_text());
    ERR_clear_error();
    return ok_status();
}

// Each is issued by the one behind it; that one signed it, too.
Status check_order(const CertificateText& text, const Certificate& certificate) {
    const X509* issued = certificate.leaf.get();
    std::size_t position = 1;
    for (const X509Pointer& issuer : certificate.issuers) {
        ++position;
        EVP_PKEY* const key = X509_get0_pubkey(issuer.get());
        const bool ok = X509_check_issued(issuer.get(), const_cast<X509*>(issued)) == X509_V_OK &&
                        key != nullptr && X509_verify(const_cast<X509*>(issued), key) == 1;
        if (!ok) {
            return problem(text, "certificate " + std::to_string(position) +
                                     " of the chain did not issue the one before it: give them in order, the "
                                     "server's own first");
        }
        issued = issuer.get();
    }
    return ok_status();
}

void note_validity(Certificate& certificate) {
    certificate.not_before_s = seconds_of(X509_get0_notBefore(certificate.leaf.get()));
    certificate.not_after_s = seconds_of(X509_get0_notAfter(certificate.leaf.get()));
    for (const X509Pointer& issuer : certificate.issuers) {
        certificate.not_after_s =
            std::min(certificate.not_after_s, seconds_of(X509_get0_notAfter(issuer.get())));
    }
}

}  // namespace

void X509Deleter::operator()(x509_st* certificate) const {
    X509_free(certificate);
}

void KeyDeleter::operator()(evp_pkey_st* key) const {
    EVP_PKEY_free(key);
}

Result<Certificate> parse_certificate(const CertificateText& text) {
    ERR_clear_error();
    if (text.chain.size() > limits::tls_chain_octets_max) return problem(text, "is longer than 64 KiB");
    Certificate certificate;
    if (Status read = read_chain(text, certificate); !read) return read.error();
    certificate.key.reset(PEM_read_bio_PrivateKey(over(text.key).get(), nullptr, no_passphrase, nullptr));
    if (!certificate.key) {
        return problem(text,
                       "its key cannot be read (PEM without a passphrase is wanted): " + take_error_text());
    }
    if (X509_check_private_key(certificate.leaf.get(), certificate.key.get()) != 1)
        return problem(text, "the key is not this certificate's");
    if (Status order = check_order(text, certificate); !order) return order.error();
    certificate.key_type = EVP_PKEY_get0_type_name(certificate.key.get());
    note_validity(certificate);
    for (const std::string& name : text.names)
        certificate.names.push_back(lower(name));
    for (const std::string& name : certificate.names) {
        if (!covers(certificate, name)) return problem(text, "is not issued for the name " + name);
    }
    if (certificate.names.empty()) certificate.names = alternative_names(certificate.leaf.get());
    return certificate;
}

bool covers(const Certificate& certificate, std::string_view name) {
    const std::string host = host_of(name);
    const bool good = X509_check_host(certificate.leaf.get(), host.data(), host.size(), 0, nullptr) == 1;
    ERR_clear_error();
    return good;
}

std::string validity_problem(const Certificate& certificate, std::int64_t now_s) {
    if (now_s > certificate.not_after_s) return "has expired on " + day_of(certificate.not_after_s);
    if (now_s < certificate.not_before_s) return "is not valid before " + day_of(certificate.not_before_s);
    return {};
}

std::string expiry_warning(const Certificate& certificate, std::int64_t now_s, int days) {
    const std::int64_t left_s = certificate.not_after_s - now_s;
    if (left_s < 0 || left_s >= days * kDayS) return {};
    const std::int64_t left = left_s / kDayS;
    return "expires in " + std::to_string(left) + (left == 1 ? " day" : " days") + ", on " +
           day_of(certificate.not_after_s);
}

}  // namespace ringmx::tls
