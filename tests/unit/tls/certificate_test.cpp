// What is checked of a certificate before it is used.
#include "tls/certificate.hpp"

#include <ctime>

#include <gtest/gtest.h>

#include "certificates.hpp"

namespace ringmx::tls::test {

namespace {

constexpr std::int64_t kDayS = 86400;

std::string problem_of(const CertificateText& text) {
    const auto parsed = parse_certificate(text);
    return parsed ? "" : parsed.error().message;
}

// The PEM blocks of a chain.
std::vector<std::string> blocks(const std::string& chain) {
    constexpr std::string_view end = "-----END CERTIFICATE-----\n";
    std::vector<std::string> list;
    for (std::size_t at = 0; at < chain.size();) {
        const std::size_t stop = chain.find(end, at) + end.size();
        list.push_back(chain.substr(at, stop - at));
        at = stop;
    }
    return list;
}

TEST(Certificate, AGoodOneSaysWhatItIs) {
    const auto parsed =
        parse_certificate(make_certificate({.names = {"MX.example.com", "*.example.net"}, .issuers = 2}));
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->names, (std::vector<std::string>{"mx.example.com", "*.example.net"}));
    EXPECT_EQ(parsed->issuers.size(), 2u);
    EXPECT_EQ(parsed->key_type, "EC");
    EXPECT_NEAR(static_cast<double>(parsed->not_after_s),
                static_cast<double>(std::time(nullptr) + 90 * kDayS), 5.0);
    EXPECT_TRUE(covers(*parsed, "mx.example.com"));
    EXPECT_TRUE(covers(*parsed, "a.example.net"));
    EXPECT_FALSE(covers(*parsed, "a.b.example.net"));
    EXPECT_FALSE(covers(*parsed, "example.org"));
}

TEST(Certificate, WhatCannotBeReadIsNamed) {
    CertificateText text = make_certificate();
    text.label = "/etc/mx.pem";
    CertificateText bad = text;
    bad.chain = "";
    EXPECT_EQ(problem_of(bad).find("/etc/mx.pem: holds no certificate in PEM"), 0u);
    bad.chain.assign(text.key);
    EXPECT_EQ(problem_of(bad).find("/etc/mx.pem: holds no certificate in PEM"), 0u);
    bad.chain = text.chain + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    EXPECT_EQ(problem_of(bad).find("/etc/mx.pem: has a certificate that cannot be read"), 0u);
    bad = text;
    bad.key.assign(text.chain);
    EXPECT_EQ(problem_of(bad).find("/etc/mx.pem: its key cannot be read"), 0u);
    bad.key = text.key.substr(0, text.key.size() / 2);
    EXPECT_EQ(problem_of(bad).find("/etc/mx.pem: its key cannot be read"), 0u);
    EXPECT_EQ(problem_of(text), "");
}

TEST(Certificate, AKeyOfAnotherIsRefused) {
    CertificateText text = make_certificate();
    text.key = make_certificate().key;
    EXPECT_NE(problem_of(text).find("the key is not this certificate's"), std::string::npos);
    text.key = make_certificate({.key = KeyKind::rsa}).key;
    EXPECT_NE(problem_of(text).find("the key is not this certificate's"), std::string::npos);
}

TEST(Certificate, AChainOutOfOrderIsRefused) {
    const CertificateText good = make_certificate({.issuers = 2});
    const auto parts = blocks(good.chain);
    ASSERT_EQ(parts.size(), 3u);
    CertificateText text = good;
    text.chain = parts[0] + parts[2] + parts[1];
    EXPECT_NE(problem_of(text).find("certificate 2 of the chain did not issue the one before it"),
              std::string::npos);
    text.chain = parts[0] + parts[1] + blocks(make_certificate({.issuers = 1}).chain)[1];
    EXPECT_NE(problem_of(text).find("certificate 3 of the chain did not issue the one before it"),
              std::string::npos);
    text.chain = parts[1] + parts[0] + parts[2];
    EXPECT_NE(problem_of(text).find("the key is not this certificate's"), std::string::npos);
    text.chain = parts[0] + parts[1];  // the root may be left out
    EXPECT_EQ(problem_of(text), "");
}

TEST(Certificate, ANameThatItIsNotIssuedForIsRefused) {
    CertificateText text = make_certificate({.names = {"mx.example.com", "*.example.net"}});
    text.names = {"mx.example.com", "*.example.net", "b.example.net"};
    EXPECT_EQ(problem_of(text), "");
    text.names = {"mx2.example.com"};
    EXPECT_NE(problem_of(text).find("is not issued for the name mx2.example.com"), std::string::npos);
    text.names = {"*.example.com"};
    EXPECT_NE(problem_of(text).find("is not issued for the name *.example.com"), std::string::npos);
}

TEST(Certificate, ItsDaysAreCounted) {
    const std::int64_t now = std::time(nullptr);
    const auto parsed = parse_certificate(make_certificate({.ends_s = 10 * 86400 + 60}));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(validity_problem(*parsed, now), "");
    EXPECT_EQ(expiry_warning(*parsed, now, 14).find("expires in 10 days, on "), 0u);
    EXPECT_EQ(expiry_warning(*parsed, now, 10), "");
    EXPECT_EQ(expiry_warning(*parsed, now + 9 * kDayS, 14).find("expires in 1 day, on "), 0u);
    EXPECT_EQ(validity_problem(*parsed, now + 11 * kDayS).find("has expired on "), 0u);
    EXPECT_EQ(validity_problem(*parsed, now - kDayS).find("is not valid before "), 0u);
}

}  // namespace

}  // namespace ringmx::tls::test
