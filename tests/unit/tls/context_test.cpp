// Names, key types, profiles and tickets, as a client sees them.
#include "tls/context.hpp"

#include "tls_client.hpp"

namespace ringmx::tls::test {

namespace {

ContextOptions several() {
    ContextOptions options;
    options.certificates.push_back(make_certificate({.common_name = "one-ec", .names = {"one.test"}}));
    options.certificates.push_back(
        make_certificate({.common_name = "one-rsa", .names = {"one.test"}, .key = KeyKind::rsa}));
    options.certificates.push_back(
        make_certificate({.common_name = "two", .names = {"two.test", "*.wild.test"}}));
    return options;
}

std::string shown(const std::shared_ptr<const Context>& context, const ClientOptions& options) {
    Client client(options);
    Server server(context);
    EXPECT_TRUE(shake_hands(client, server));
    return client.server_common_name();
}

TEST(Context, ShowsTheCertificateOfTheName) {
    const auto context = make_context(several());
    EXPECT_EQ(shown(context, {.server_name = "one.test"}), "one-ec");
    EXPECT_EQ(shown(context, {.server_name = "TWO.Test"}), "two");
    EXPECT_EQ(shown(context, {.server_name = "any.wild.test"}), "two");
    EXPECT_EQ(shown(context, {}), "one-ec");
    EXPECT_EQ(shown(context, {.server_name = "unknown.test"}), "one-ec");
    EXPECT_EQ(shown(context, {.server_name = "deep.any.wild.test"}), "one-ec");
    EXPECT_EQ(shown(context, {.server_name = "wild.test"}), "one-ec");
}

TEST(Context, ShowsTheKeyTypeThatTheClientTakes) {
    const auto context = make_context(several());
    EXPECT_EQ(shown(context, {.server_name = "one.test", .rsa_only = true}), "one-rsa");
    EXPECT_EQ(shown(context, {.rsa_only = true}), "one-rsa");
    EXPECT_EQ(shown(context, {.version_max = TLS1_2_VERSION,
                              .ciphers = "ECDHE-RSA-AES128-GCM-SHA256",
                              .server_name = "one.test"}),
              "one-rsa");
}

TEST(Context, SendsTheWholeChain) {
    ContextOptions options;
    options.certificates.push_back(make_certificate({.issuers = 2}));
    Client client;
    Server server(make_context(options));
    ASSERT_TRUE(shake_hands(client, server));
    EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.ssl())), 3);
}

TEST(Context, ModernTakesNothingBelowTls13) {
    ContextOptions options;
    options.certificates.push_back(make_certificate());
    for (const bool by_profile : {true, false}) {
        options.profile = by_profile ? Profile::modern : Profile::intermediate;
        options.version_min = by_profile ? Version::tls_1_2 : Version::tls_1_3;
        const auto context = make_context(options);
        Client old({.version_max = TLS1_2_VERSION});
        Server refused(context);
        EXPECT_FALSE(shake_hands(old, refused));
        EXPECT_EQ(refused.channel->failure(), Failure::version);
        Client fresh;
        Server taken(context);
        EXPECT_TRUE(shake_hands(fresh, taken));
    }
}

class Tickets : public testing::TestWithParam<int> {
 protected:
    ContextOptions options(std::uint32_t tickets) {
        ContextOptions made;
        made.certificates.push_back(certificate_);
        made.tickets = tickets;
        return made;
    }
    // A handshake, and the ticket that came with it; null: none came.
    SSL_SESSION* first_visit(const std::shared_ptr<const Context>& context, std::size_t expected) {
        Client client({.version_max = GetParam(), .version_min = GetParam()});
        Server server(context);
        EXPECT_TRUE(shake_hands(client, server));
        client.receive(server.take("250 ok\r\n"));
        EXPECT_EQ(client.read(), "250 ok\r\n");
        EXPECT_EQ(client.sessions.size(), expected);
        if (client.sessions.empty()) return nullptr;
        SSL_SESSION_up_ref(client.sessions.back());
        return client.sessions.back();
    }
    bool comes_back(const std::shared_ptr<const Context>& context, SSL_SESSION* session,
                    std::string name = {}) {
        Client client(
            {.version_max = GetParam(), .version_min = GetParam(), .server_name = name, .session = session});
        Server server(context);
        EXPECT_TRUE(shake_hands(client, server));
        EXPECT_EQ(server.channel->facts().resumed, SSL_session_reused(client.ssl()) == 1);
        return server.channel->facts().resumed;
    }

    const CertificateText certificate_ = make_certificate();
};

TEST_P(Tickets, AnyCoreTakesTheTicketOfAnyOther) {
    const auto keys = TicketKeys::create();
    const auto one = make_context(options(1), keys);
    const auto other = make_context(options(1), keys);
    SSL_SESSION* ticket = first_visit(one, 1);
    ASSERT_NE(ticket, nullptr);
    SSL_SESSION* copy = SSL_SESSION_dup(ticket);  // a client uses a ticket of TLS 1.3 once
    EXPECT_TRUE(comes_back(other, ticket));
    EXPECT_TRUE(comes_back(one, copy));
    SSL_SESSION_free(copy);
    SSL_SESSION_free(ticket);
}

TEST_P(Tickets, TheKeyBeforeStillOpensAndTheOneBeforeThatDoesNot) {
    const auto keys = TicketKeys::create();
    const auto context = make_context(options(1), keys);
    SSL_SESSION* ticket = first_visit(context, 1);
    ASSERT_TRUE(keys->rotate());
    EXPECT_TRUE(comes_back(context, ticket));
    ASSERT_TRUE(keys->rotate());
    EXPECT_FALSE(comes_back(context, ticket));
    SSL_SESSION_free(ticket);
}

TEST_P(Tickets, OfAnotherServerAreNotTaken) {
    const auto context = make_context(options(1), TicketKeys::create());
    const auto stranger = make_context(options(1), TicketKeys::create());
    SSL_SESSION* ticket = first_visit(stranger, 1);
    EXPECT_FALSE(comes_back(context, ticket));
    SSL_SESSION_free(ticket);
}

TEST_P(Tickets, AreAsManyAsConfigured) {
    const auto keys = TicketKeys::create();
    EXPECT_EQ(first_visit(make_context(options(0), keys), 0), nullptr);
    SSL_SESSION* ticket = first_visit(make_context(options(3), keys), GetParam() == TLS1_3_VERSION ? 3 : 1);
    SSL_SESSION_free(ticket);
}

TEST_P(Tickets, OutliveARenewalOfTheCertificate) {
    const auto keys = TicketKeys::create();
    SSL_SESSION* ticket = first_visit(make_context(options(1), keys), 1);
    ContextOptions renewed = options(1);
    renewed.certificates = {make_certificate()};
    EXPECT_TRUE(comes_back(make_context(renewed, keys), ticket));
    SSL_SESSION_free(ticket);
}

INSTANTIATE_TEST_SUITE_P(Versions, Tickets, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& one) { return one.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST(Context, OpenChannelsOutliveIt) {
    Client client;
    auto context = make_context(several());
    Server server(context);
    context.reset();
    ASSERT_TRUE(shake_hands(client, server));
    client.write("QUIT\r\n");
    server.receive(client.sent());
    EXPECT_EQ(server.received, "QUIT\r\n");
}

TEST(Context, NamesWhatIsWrong) {
    ContextOptions options;
    EXPECT_EQ(Context::create(options, nullptr).error().message, "TLS needs a certificate");
    options.certificates.push_back(make_certificate());
    options.certificates.front().key = make_certificate().key;
    EXPECT_EQ(Context::create(options, nullptr).error().message,
              "mx.example.com: the key is not this certificate's");
}

}  // namespace

}  // namespace ringmx::tls::test
