// A certificate as an operator gives it: a PEM chain, a PEM key, and the names that it is for; parsed and
// looked through. Nothing here reads files: texts come from config's side of the house.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tls/secret_text.hpp"

struct evp_pkey_st;
struct x509_st;

namespace ringmx::tls {

struct X509Deleter {
    void operator()(x509_st* certificate) const;
};
struct KeyDeleter {
    void operator()(evp_pkey_st* key) const;
};
using X509Pointer = std::unique_ptr<x509_st, X509Deleter>;
using KeyPointer = std::unique_ptr<evp_pkey_st, KeyDeleter>;

// As it was given; texts rather than paths. `label` names it in messages: the chain's path.
struct CertificateText {
    std::string label;
    std::string chain;  // PEM: the server's own certificate first, then its issuers in order
    SecretText key;     // PEM, without a passphrase
    std::vector<std::string>
        names;  // domain names, "*.example.com" among them; empty: those it is issued for
};

struct Certificate {
    X509Pointer leaf;
    std::vector<X509Pointer> issuers;  // in order
    KeyPointer key;
    std::vector<std::string> names;  // lower case
    std::string key_type;            // "RSA", "EC", "ED25519"
    std::int64_t not_before_s = 0;   // seconds since 1970
    std::int64_t not_after_s = 0;    // of whatever in the chain ends first
};

// The certificate, or what is wrong with it: what cannot be read, a key of another certificate, a chain that
// is out of order, a name that it is not issued for.
Result<Certificate> parse_certificate(const CertificateText& text);

// Whether the certificate is issued for this domain name (RFC 6125: wildcards in the leftmost label).
bool covers(const Certificate& certificate, std::string_view name);

// What is wrong with it at this time: "has expired on 2026-11-01", "is not valid before ..."; empty: nothing.
std::string validity_problem(const Certificate& certificate, std::int64_t now_s);
// "expires in 9 days, on 2026-12-05" if that is within `days`; empty: it is not.
std::string expiry_warning(const Certificate& certificate, std::int64_t now_s, int days);

}  // namespace ringmx::tls
