// Certificates made on the spot, by OpenSSL's own means: keys, a chain of any length, any names and dates.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tls/certificate.hpp"

namespace ringmx::tls::test {

enum class KeyKind { ec, rsa };

struct Wanted {
    std::string common_name = "mx.example.com";
    std::vector<std::string> names = {"mx.example.com"};
    KeyKind key = KeyKind::ec;
    int issuers = 0;        // certificates above it; 0: it signs itself
    long begins_s = -3600;  // from now
    long ends_s = 90 * 86400L;
};

// The chain's text has the leaf first, then its issuers, the one that signs itself last.
CertificateText make_certificate(const Wanted& wanted = {});

}  // namespace ringmx::tls::test
