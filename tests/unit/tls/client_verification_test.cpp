// Clients' certificates against the authorities that are configured: a fact, and never the end of a
// handshake.
#include <chrono>
#include <thread>

#include "tls_client.hpp"

namespace ringmx::tls {
namespace {

using test::Client;
using test::ClientOptions;
using test::make_certificate;
using test::make_context;
using test::Server;
using test::shake_hands;

std::string issuers_of(const CertificateText& text) {
    return text.chain.substr(text.chain.find("-----BEGIN", 1));
}

class ClientVerification : public testing::TestWithParam<int> {
 protected:
    ClientVerification() { options_.certificates = {make_certificate()}; }

    std::optional<ClientCertificate> shown_by(const CertificateText* certificate,
                                              std::shared_ptr<const Context> context) {
        ClientOptions options;
        options.version_max = options.version_min = GetParam();
        options.certificate = certificate;
        Client client(options);
        Server server(std::move(context));
        EXPECT_TRUE(shake_hands(client, server)) << "whatever is found";
        return server.channel->client_certificate();
    }
    std::shared_ptr<const Context> with(std::string authorities) {
        options_.request_client_certificate = true;
        options_.client_authorities = std::move(authorities);
        return make_context(options_);
    }

    ContextOptions options_;
    const CertificateText good_ = make_certificate({.common_name = "client.test", .issuers = 1});
};

TEST_P(ClientVerification, OneOfAnAuthorityIsVerified) {
    const auto other = make_certificate({.common_name = "other", .issuers = 1});
    const auto shown = shown_by(&good_, with(issuers_of(other) + "and\n" + issuers_of(good_)));
    ASSERT_TRUE(shown.has_value());
    EXPECT_TRUE(shown->verified);
    EXPECT_EQ(shown->problem, "");
    EXPECT_EQ(shown->subject, "CN=client.test");
}

TEST_P(ClientVerification, OneOfAnotherAuthorityIsNot) {
    const auto shown =
        shown_by(&good_, with(issuers_of(make_certificate({.common_name = "other", .issuers = 1}))));
    ASSERT_TRUE(shown.has_value());
    EXPECT_FALSE(shown->verified);
    EXPECT_NE(shown->problem, "");
    EXPECT_EQ(shown->subject, "CN=client.test");
}

TEST_P(ClientVerification, OneThatHasExpiredIsNot) {
    const auto old =
        make_certificate({.common_name = "old", .issuers = 1, .begins_s = -7200, .ends_s = -3600});
    const auto shown = shown_by(&old, with(issuers_of(old)));
    ASSERT_TRUE(shown.has_value());
    EXPECT_FALSE(shown->verified);
    EXPECT_EQ(shown->problem, "certificate has expired");
}

TEST_P(ClientVerification, AnIntermediateAuthorityIsTrustedAsItStands) {
    const auto own = make_certificate({.common_name = "own", .issuers = 2});
    const std::string above = issuers_of(own);
    const std::string intermediate = above.substr(0, above.find("-----BEGIN", 1));
    EXPECT_TRUE(shown_by(&own, with(intermediate))->verified);
}

TEST_P(ClientVerification, WithoutOneOrWithoutAuthoritiesThereIsNothingToSay) {
    EXPECT_FALSE(shown_by(nullptr, with(issuers_of(good_))).has_value());
    const auto shown = shown_by(&good_, with(""));
    ASSERT_TRUE(shown.has_value());
    EXPECT_FALSE(shown->verified);
    EXPECT_EQ(shown->problem, "");
}

// What a ticket brings back was found by the authorities of then, and of a certificate that has not expired.
TEST_P(ClientVerification, ATicketBringsItBackUnderTheSameAuthoritiesOnly) {
    const auto keys = TicketKeys::create();
    options_.request_client_certificate = true;
    options_.client_authorities = issuers_of(good_);
    options_.tickets = 2;  // of TLS 1.3 each is good for once
    const auto context = make_context(options_, keys);
    ClientOptions first;
    first.version_max = first.version_min = GetParam();
    first.certificate = &good_;
    Client client(first);
    Server server(context);
    ASSERT_TRUE(shake_hands(client, server));
    client.receive(server.take("220 mx\r\n"));
    client.read();
    ASSERT_FALSE(client.sessions.empty());

    ClientOptions back = first;
    back.session = client.sessions.front();
    Client second(back);
    Server other(context);
    ASSERT_TRUE(shake_hands(second, other));
    EXPECT_TRUE(other.channel->facts().resumed);
    EXPECT_TRUE(other.channel->client_certificate()->verified);

    options_.client_authorities = issuers_of(make_certificate({.common_name = "other", .issuers = 1}));
    back.session = client.sessions.back();
    Client third(back);
    Server changed(make_context(options_, keys));
    ASSERT_TRUE(shake_hands(third, changed));
    EXPECT_FALSE(changed.channel->facts().resumed);
    EXPECT_FALSE(changed.channel->client_certificate()->verified);
}

TEST_P(ClientVerification, OneThatExpiresWhileItsTicketIsGoodIsNotVerifiedAnyMore) {
    const auto brief = make_certificate({.common_name = "brief", .ends_s = 2});
    options_.request_client_certificate = true;
    options_.client_authorities = brief.chain;
    const auto context = make_context(options_, TicketKeys::create());
    ClientOptions first;
    first.version_max = first.version_min = GetParam();
    first.certificate = &brief;
    Client client(first);
    Server server(context);
    ASSERT_TRUE(shake_hands(client, server));
    EXPECT_TRUE(server.channel->client_certificate()->verified);
    client.receive(server.take("220 mx\r\n"));
    client.read();
    ASSERT_FALSE(client.sessions.empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(3100));
    ClientOptions back = first;
    back.session = client.sessions.back();
    Client second(back);
    Server other(context);
    ASSERT_TRUE(shake_hands(second, other));
    EXPECT_TRUE(other.channel->facts().resumed);
    EXPECT_FALSE(other.channel->client_certificate()->verified);
    EXPECT_EQ(other.channel->client_certificate()->problem, "certificate has expired");
}

INSTANTIATE_TEST_SUITE_P(Versions, ClientVerification, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& one) { return one.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST(Authorities, WhatIsNoneIsSaid) {
    EXPECT_EQ(check_authorities("nothing").error().message, "holds no certificate in PEM");
    std::string broken = make_certificate().chain;
    broken.replace(100, 4, "!!!!");
    EXPECT_NE(check_authorities(broken).error().message.find("has a certificate that cannot be read"),
              std::string::npos);
    const std::string twice = make_certificate().chain;
    EXPECT_TRUE(check_authorities(twice + twice).ok());
    ContextOptions options;
    options.certificates = {make_certificate()};
    options.client_authorities = "nothing";
    const auto made = Context::create(options, nullptr);
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().message, "tls.client_authorities: holds no certificate in PEM");
}

}  // namespace
}  // namespace ringmx::tls
