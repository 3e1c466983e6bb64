// A channel against OpenSSL's own client, with every split of what arrives and little room for what leaves.
#include "tls/channel.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/limits.hpp"
#include "tls_client.hpp"

namespace ringmx::tls::test {

namespace {

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

ContextOptions one_certificate(const Wanted& wanted = {}) {
    ContextOptions options;
    options.certificates.push_back(make_certificate(wanted));
    return options;
}

void expect_no_errors_left() {
    EXPECT_EQ(ERR_peek_error(), 0u);
}

class ChannelTest : public testing::TestWithParam<int> {
 protected:
    ClientOptions client_options() const { return {.version_max = GetParam(), .version_min = GetParam()}; }
};

TEST_P(ChannelTest, CarriesDataBothWays) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    client.write("EHLO client.test\r\n");
    server.receive(client.sent());
    EXPECT_EQ(server.received, "EHLO client.test\r\n");
    client.receive(server.take("250 mx.test\r\n"));
    EXPECT_EQ(client.read(), "250 mx.test\r\n");
    const ChannelFacts facts = server.channel->facts();
    EXPECT_EQ(facts.version, SSL_get_version(client.ssl()));
    EXPECT_EQ(facts.cipher, SSL_CIPHER_get_name(SSL_get_current_cipher(client.ssl())));
    EXPECT_FALSE(facts.resumed);
    expect_no_errors_left();
}

// Each flight of the handshake is cut in two at every offset, and everything goes octet by octet.
TEST_P(ChannelTest, TakesTheHandshakeAtEverySplit) {
    const auto context = make_context(one_certificate({.issuers = 1}));
    for (std::size_t piece = 1; piece < 600; piece += piece < 40 ? 1 : 13) {
        Client client(client_options());
        Server server(context);
        ASSERT_TRUE(shake_hands(client, server, piece, 1 + piece)) << piece;
        client.write("NOOP\r\n");
        server.receive(client.sent(), piece);
        EXPECT_EQ(server.received, "NOOP\r\n") << piece;
        expect_no_errors_left();
    }
}

// Data stands right behind the client's last flight, and the split is anywhere in either.
TEST_P(ChannelTest, DataBehindTheHandshakeIsKept) {
    const auto context = make_context(one_certificate());
    for (std::size_t cut = 1;; ++cut) {
        Client client(client_options());
        Server server(context);
        client.shake();
        server.receive(client.sent());
        client.receive(server.take());
        std::string flight;
        if (GetParam() == TLS1_3_VERSION) {
            ASSERT_TRUE(client.shake());
            client.write("MAIL FROM:<>\r\n");
            flight = client.sent();
        } else {
            ASSERT_FALSE(client.shake());
            server.receive(client.sent());
            client.receive(server.take());
            ASSERT_TRUE(client.shake());
            client.write("MAIL FROM:<>\r\n");
            flight = client.sent();
        }
        if (cut >= flight.size()) break;
        server.receive(std::string_view(flight).substr(0, cut));
        server.receive(std::string_view(flight).substr(cut));
        ASSERT_EQ(server.received, "MAIL FROM:<>\r\n") << cut;
    }
}

TEST_P(ChannelTest, LargeDataArrivesWholeInAnyRoom) {
    std::string data(200'000, 'x');
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<char>('a' + i * 7 % 26);
    for (const std::size_t room :
         {std::size_t{100}, std::size_t{4096}, std::size_t{16384}, std::size_t{65536}}) {
        Client client(client_options());
        Server server(make_context(one_certificate()));
        ASSERT_TRUE(shake_hands(client, server));
        client.write(data);
        server.receive(client.sent(), 4096, room);
        EXPECT_EQ(server.received, data) << room;
        client.receive(server.take(data, std::max<std::size_t>(room, 200)));
        EXPECT_EQ(client.read(), data) << room;
    }
}

// A host that has no use for more plaintext leaves it where it is; the channel says that it has some.
TEST_P(ChannelTest, PlaintextThatIsNotTakenStays) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    client.write(std::string(1000, 'y'));
    const std::string ciphertext = client.sent();
    Bytes rest = as_bytes(ciphertext);
    std::array<std::byte, 300> room;
    EXPECT_EQ(server.channel->open(rest, room), 300u);
    EXPECT_TRUE(rest.empty());
    EXPECT_TRUE(server.channel->has_plaintext());
    EXPECT_FALSE(server.channel->in_record());
    std::size_t total = 300;
    for (int i = 0; i < 3; ++i) {
        Bytes none;
        total += server.channel->open(none, room);
    }
    EXPECT_EQ(total, 1000u);
    EXPECT_FALSE(server.channel->has_plaintext());
}

// What bulk receiving asks for: the octets that the record under way still lacks.
TEST_P(ChannelTest, SaysHowMuchOfARecordIsMissing) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    EXPECT_FALSE(server.channel->in_record());
    client.write(std::string(5000, 'z'));
    const std::string record = client.sent();
    for (std::size_t at = 1; at < record.size(); ++at) {
        server.receive(record.substr(at - 1, 1));
        ASSERT_TRUE(server.channel->in_record()) << at;
        const std::size_t missing = at < 5 ? 5 - at : record.size() - at;
        if (at != 5) {
            ASSERT_EQ(server.channel->octets_missing(), missing) << at;
        }
    }
    server.receive(record.substr(record.size() - 1));
    EXPECT_FALSE(server.channel->in_record());
    EXPECT_EQ(server.received.size(), 5000u);
}

TEST_P(ChannelTest, CloseNotifyEndsEachDirectionOfItsOwn) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    SSL_shutdown(client.ssl());
    server.receive(client.sent());
    EXPECT_EQ(server.channel->state(), Channel::State::ended);
    client.receive(server.take("221 bye\r\n"));
    server.channel->close();
    EXPECT_TRUE(server.channel->has_output());
    client.receive(server.take());
    EXPECT_EQ(client.read(), "221 bye\r\n");
    EXPECT_EQ(client.last_error, SSL_ERROR_ZERO_RETURN);
    expect_no_errors_left();
}

TEST_P(ChannelTest, ADamagedRecordFailsAndSaysSo) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    client.write("NOOP\r\n");
    std::string record = client.sent();
    record[record.size() - 1] = static_cast<char>(record.back() ^ 1);
    server.receive(record);
    EXPECT_EQ(server.received, "");
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    EXPECT_EQ(server.channel->failure(), Failure::protocol);
    EXPECT_TRUE(server.channel->has_output());  // the alert
    client.receive(server.take());
    EXPECT_EQ(client.read(), "");
    EXPECT_EQ(client.last_error, SSL_ERROR_SSL);
    expect_no_errors_left();
}

TEST_P(ChannelTest, AClientThatDislikesTheCertificateIsNamedSo) {
    Client client(client_options());
    Server server(make_context(one_certificate()));
    SSL_set_verify(client.ssl(), SSL_VERIFY_PEER, nullptr);
    EXPECT_FALSE(shake_hands(client, server));
    server.receive(client.sent());
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    EXPECT_EQ(server.channel->failure(), Failure::alert);
    EXPECT_FALSE(server.channel->failure_text().empty());
    expect_no_errors_left();
}

TEST_P(ChannelTest, AskedForAClientShowsItsCertificate) {
    ContextOptions options = one_certificate();
    options.request_client_certificate = true;
    const auto context = make_context(options);
    const CertificateText own = make_certificate({.common_name = "client.test", .names = {"client.test"}});
    ClientOptions with = client_options();
    with.certificate = &own;
    Client client(with);
    Server server(context);
    ASSERT_TRUE(shake_hands(client, server));
    const auto shown = server.channel->client_certificate();
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(shown->subject, "CN=client.test");

    Client without(client_options());
    Server other(context);
    ASSERT_TRUE(shake_hands(without, other));
    EXPECT_FALSE(other.channel->client_certificate().has_value());
}

INSTANTIATE_TEST_SUITE_P(Versions, ChannelTest, testing::ValuesIn(kVersions),
                         [](const auto& one) { return one.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST(ChannelFailures, WhoDoesNotSpeakTlsIsToldNothing) {
    const auto context = make_context(one_certificate());
    for (const std::string_view text :
         {"EHLO client.test\r\n", "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x80\x2e"}) {
        Server server(context);
        server.receive(text, 1);
        EXPECT_EQ(server.channel->state(), Channel::State::failed);
        EXPECT_EQ(server.channel->failure(), Failure::not_tls);
        EXPECT_FALSE(server.channel->has_output());
    }
    expect_no_errors_left();
}

TEST(ChannelFailures, OldVersionsAreRefused) {
    Client client(
        {.version_max = TLS1_1_VERSION, .version_min = TLS1_VERSION, .ciphers = "DEFAULT@SECLEVEL=0"});
    Server server(make_context(one_certificate()));
    EXPECT_FALSE(shake_hands(client, server));
    EXPECT_EQ(server.channel->failure(), Failure::version);
    expect_no_errors_left();
}

TEST(ChannelFailures, NothingInCommonIsNamedSo) {
    Client client({.version_max = TLS1_2_VERSION, .ciphers = "AES128-SHA"});
    Server server(make_context(one_certificate()));
    EXPECT_FALSE(shake_hands(client, server));
    EXPECT_EQ(server.channel->failure(), Failure::no_shared_cipher);
    EXPECT_EQ(server.channel->failure_text(), "no shared cipher");
    expect_no_errors_left();
}

TEST(ChannelFailures, ARecordThatIsNoneIsAProtocolFailure) {
    Server server(make_context(one_certificate()));
    server.receive(std::string_view("\x16\x03\x01\x00\x05hello, this is no handshake", 33));
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    EXPECT_NE(server.channel->failure(), Failure::none);
    expect_no_errors_left();
}

TEST(ChannelFailures, AfterAFailureNothingIsTakenAndNothingComes) {
    Server server(make_context(one_certificate()));
    server.receive("EHLO\r\n");
    std::array<std::byte, 64> room;
    const std::string_view more = "MAIL FROM:<a@b>\r\n";
    Bytes rest = as_bytes(more);
    EXPECT_EQ(server.channel->open(rest, room), 0u);
    EXPECT_TRUE(rest.empty());
    EXPECT_FALSE(server.channel->has_plaintext());
}

// --- what is not accepted on an open connection (KeyUpdate, RFC 8446 §4.6.3)

void update_key(Client& client, Server& server, int type) {
    SSL_key_update(client.ssl(), type);
    SSL_do_handshake(client.ssl());
    server.receive(client.sent());
}

TEST(ChannelFailures, SomeKeyUpdatesAreFollowedAndMoreWithMoreData) {
    Client client({.version_min = TLS1_3_VERSION});
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    const std::string data(limits::tls_octets_per_rekey, 'x');
    for (std::uint64_t i = 0; i < 2 * limits::tls_rekeys_max; ++i) {
        update_key(client, server, SSL_KEY_UPDATE_REQUESTED);
        client.receive(server.take("answer"));
        EXPECT_EQ(client.read(), "answer");
        for (std::size_t at = 0; at < data.size(); at += 16384)
            client.write(std::string_view(data).substr(at, 16384));
        server.receive(client.sent());
    }
    EXPECT_EQ(server.channel->state(), Channel::State::open);
    EXPECT_EQ(server.received.size(), 2 * limits::tls_rekeys_max * data.size());
}

TEST(ChannelFailures, AFloodOfKeyUpdatesEndsTheConnection) {
    for (const int type : {SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED}) {
        Client client({.version_min = TLS1_3_VERSION});
        Server server(make_context(one_certificate()));
        ASSERT_TRUE(shake_hands(client, server));
        std::uint64_t sent = 0;
        while (sent < 1000 && server.channel->state() == Channel::State::open) {
            update_key(client, server, type);
            ++sent;
        }
        EXPECT_EQ(server.channel->state(), Channel::State::failed);
        EXPECT_EQ(server.channel->failure(), Failure::protocol);
        EXPECT_EQ(sent, limits::tls_rekeys_max + 1);
    }
    expect_no_errors_left();
}

// A record of the client's under its present key, the first of them: what no library sends.
std::string sealed_record(SSL* client, const std::string& secret, std::string_view inner,
                          std::uint8_t inner_type) {
    const EVP_MD* digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(client));
    const auto expand = [&](std::string_view label, std::size_t octets) {
        std::vector<unsigned char> out(octets);
        EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr);
        EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
        int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
        std::string name = EVP_MD_get0_name(digest);
        std::string prefix = "tls13 ";
        std::string label_text(label);
        std::string key = secret;
        OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_int("mode", &mode),
            OSSL_PARAM_construct_utf8_string("digest", name.data(), 0),
            OSSL_PARAM_construct_octet_string("key", key.data(), key.size()),
            OSSL_PARAM_construct_octet_string("prefix", prefix.data(), prefix.size()),
            OSSL_PARAM_construct_octet_string("label", label_text.data(), label_text.size()),
            OSSL_PARAM_construct_end()};
        EXPECT_EQ(EVP_KDF_derive(context, out.data(), out.size(), parameters), 1);
        EVP_KDF_CTX_free(context);
        EVP_KDF_free(kdf);
        return out;
    };
    constexpr std::size_t kTag = 16;
    std::string plain(inner);
    plain += static_cast<char>(inner_type);
    const std::size_t length = plain.size() + kTag;
    std::string record{'\x17', '\x03', '\x03', static_cast<char>(length >> 8), static_cast<char>(length)};
    const auto key = expand("key", 32);
    const auto nonce = expand("iv", 12);  // sequence number 0
    std::vector<unsigned char> out(length);
    EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
    int count = 0;
    EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
    EVP_EncryptUpdate(cipher, nullptr, &count, reinterpret_cast<const unsigned char*>(record.data()), 5);
    EVP_EncryptUpdate(cipher, out.data(), &count, reinterpret_cast<const unsigned char*>(plain.data()),
                      static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(cipher, out.data() + count, &count);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, kTag, out.data() + plain.size());
    EVP_CIPHER_CTX_free(cipher);
    return record.append(out.begin(), out.end());
}

// As long as the rest of it has not come OpenSSL writes nothing, and gives no other reason than that it
// waits.
TEST(ChannelFailures, DataBehindHalfAHandshakeMessageEndsTheConnectionInsteadOfWaitingForEver) {
    static std::string secret;
    secret.clear();
    Client client({.version_min = TLS1_3_VERSION});
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(client.ssl()), [](const SSL*, const char* line) {
        const std::string_view text = line;
        if (!text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
        const std::string_view hex = text.substr(text.rfind(' ') + 1);
        for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
            secret += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
    });
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    ASSERT_STREQ(SSL_get_cipher(client.ssl()), "TLS_AES_256_GCM_SHA384");
    constexpr std::string_view kHalf("\x18\x00\x00\x01", 4);  // of a KeyUpdate, which has five octets
    server.receive(sealed_record(client.ssl(), secret, kHalf, 22));
    ASSERT_EQ(server.channel->state(), Channel::State::open);
    const std::string_view text = "250 2.0.0 Ok\r\n";
    Bytes rest = as_bytes(text);
    std::array<std::byte, 4096> room;
    EXPECT_EQ(server.channel->seal(rest, room), 0u);
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    EXPECT_EQ(server.channel->failure(), Failure::protocol);
    expect_no_errors_left();
}

TEST(ChannelFailures, ARenegotiationEndsTheConnectionWithItsFirstRecord) {
    Client client({.version_max = TLS1_2_VERSION});
    Server server(make_context(one_certificate()));
    ASSERT_TRUE(shake_hands(client, server));
    SSL_renegotiate(client.ssl());
    SSL_do_handshake(client.ssl());
    server.receive(client.sent());
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    EXPECT_EQ(server.channel->failure(), Failure::protocol);
    expect_no_errors_left();
}

TEST(ChannelFailures, AClientHelloThatAnnouncesTooMuchIsRefusedAtItsNinthOctet) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{9}}) {
        Server server(make_context(one_certificate()));
        server.receive(std::string_view("\x16\x03\x01\x40\x00\x01\x01\x00", 8), piece);
        EXPECT_EQ(server.channel->state(), Channel::State::handshake);
        server.receive(std::string_view("\x00", 1));
        EXPECT_EQ(server.channel->state(), Channel::State::failed);
        EXPECT_EQ(server.channel->failure(), Failure::protocol);
    }
    Server server(make_context(one_certificate()));
    server.receive(std::string_view("\x16\x03\x01\x00\x01\x01\x16\x03\x01", 9));  // in records of an octet
    EXPECT_EQ(server.channel->state(), Channel::State::failed);
    expect_no_errors_left();
}

}  // namespace

}  // namespace ringmx::tls::test
