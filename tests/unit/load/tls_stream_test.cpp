// The client's side of TLS against OpenSSL's server side, in memory: whatever pieces the octets arrive in.
#include "tls_stream.hpp"

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace ringmx::load {
namespace {

struct Certificate {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    std::unique_ptr<X509, decltype(&X509_free)> x509{X509_new(), X509_free};

    explicit Certificate(const char* name) {
        X509_set_version(x509.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(x509.get()), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
        X509_set_pubkey(x509.get(), key.get());
        X509_NAME* const subject = X509_get_subject_name(x509.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name),
                                   -1, -1, 0);
        X509_set_issuer_name(x509.get(), subject);
        X509_sign(x509.get(), key.get(), EVP_sha256());
    }
};

// The other end: memory BIOs.
class Server {
 public:
    explicit Server(const Certificate& certificate, int version_max = 0)
        : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_use_certificate(context_.get(), certificate.x509.get());
        SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
        SSL_CTX_set_max_proto_version(context_.get(), version_max);
    }
    void accept() {
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl_.get());
    }
    // Takes octets of the client and answers; what it decrypts goes to `received`.
    std::string answer(std::string_view octets) {
        BIO_write(SSL_get_rbio(ssl_.get()), octets.data(), static_cast<int>(octets.size()));
        std::array<char, 20000> room;
        for (int count = 0; (count = SSL_read(ssl_.get(), room.data(), room.size())) > 0;)
            received.append(room.data(), static_cast<std::size_t>(count));
        return records();
    }
    std::string records_of(std::string_view text) {
        SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
        return records();
    }
    std::string end() {
        SSL_shutdown(ssl_.get());
        return records();
    }
    SSL* raw() { return ssl_.get(); }
    std::string received;

 private:
    std::string records() {
        char* octets = nullptr;
        const long count = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &octets);
        std::string all(octets, static_cast<std::size_t>(count));
        (void)BIO_reset(SSL_get_wbio(ssl_.get()));
        return all;
    }
    std::unique_ptr<SSL_CTX, TlsFree> context_;
    std::unique_ptr<SSL, TlsFree> ssl_;
};

class TlsStreamTest : public ::testing::Test {
 protected:
    std::unique_ptr<TlsContext> context(const std::string& ca = "", const std::string& name = "") {
        Options options;
        options.target.host = "127.0.0.1";
        options.tls = Tls::implicit;
        options.tls_resume = true;
        options.tls_ca = ca;
        options.tls_name = name;
        auto made = TlsContext::create(options);
        EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
        return made ? std::move(*made) : nullptr;
    }
    // Feeds `octets` in pieces; the last event. Text is collected in text_.
    TlsEvent feed(TlsStream& stream, std::string_view octets, std::size_t piece) {
        TlsEvent event = TlsEvent::starved;
        do {
            stream.feed(octets.substr(0, piece));
            do {
                std::string_view text;
                event = stream.receive(room_.get(), text);
                text_ += text;
                handshake_over_ = handshake_over_ || event == TlsEvent::handshake_over;
            } while (event == TlsEvent::text || event == TlsEvent::handshake_over);
            octets.remove_prefix(std::min(piece, octets.size()));
        } while (!octets.empty() && event == TlsEvent::starved);
        return event;
    }
    TlsEvent shake_hands(TlsStream& stream, Server& server, std::size_t piece = 100000) {
        handshake_over_ = false;
        TlsEvent event = feed(stream, {}, piece);
        for (int flight = 0; flight < 5 && event == TlsEvent::starved && !stream.output().empty(); ++flight) {
            const std::string octets = std::exchange(stream.output(), {});
            event = feed(stream, server.answer(octets), piece);
        }
        return event;
    }

    Certificate certificate_{"mx.test"};
    std::unique_ptr<char[]> room_ = std::make_unique<char[]>(TlsStream::kTextMax);
    std::string text_;
    bool handshake_over_ = false;
};

TEST_F(TlsStreamTest, CarriesTextInPiecesOfAnySize) {
    const auto client = context();
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{1000}, std::size_t{100000}}) {
        Server server(certificate_);
        server.accept();
        TlsStream stream;
        ASSERT_TRUE(stream.open(*client, false));
        ASSERT_EQ(shake_hands(stream, server, piece), TlsEvent::starved);
        ASSERT_TRUE(handshake_over_);
        EXPECT_FALSE(stream.resumed());
        EXPECT_TRUE(stream.parameters().starts_with("TLSv1.3 TLS_")) << stream.parameters();

        text_.clear();
        const std::string reply(40000, 'r');  // three records
        EXPECT_EQ(feed(stream, server.records_of(reply), piece), TlsEvent::starved);
        EXPECT_EQ(text_, reply);
        const std::string mail(100000, 'm');
        EXPECT_TRUE(stream.encrypt(mail));
        server.answer(std::exchange(stream.output(), {}));
        EXPECT_EQ(server.received, mail);

        stream.end();
        server.answer(std::exchange(stream.output(), {}));
        EXPECT_NE(SSL_get_shutdown(server.raw()) & SSL_RECEIVED_SHUTDOWN, 0);
        EXPECT_EQ(feed(stream, server.end(), piece), TlsEvent::end);
    }
}

TEST_F(TlsStreamTest, ResumesOnRequestWithoutANewTicketEachTime) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto client = context();
        Server server(certificate_, version);
        TlsStream stream;
        for (int turn = 0; turn < 4; ++turn) {
            server.accept();
            SSL_set_num_tickets(server.raw(), turn == 0 ? 1 : 0);  // of TLS 1.3
            const bool resume = turn != 3;
            ASSERT_TRUE(stream.open(*client, resume));
            ASSERT_EQ(shake_hands(stream, server), TlsEvent::starved);
            ASSERT_TRUE(handshake_over_);
            EXPECT_EQ(stream.resumed(), turn == 1 || turn == 2) << version << ", connection " << turn;
            EXPECT_EQ(SSL_session_reused(server.raw()), stream.resumed() ? 1 : 0);
            stream.close();  // the server has said no close_notify
        }
    }
}

TEST_F(TlsStreamTest, VerifiesWhenThereIsSomethingToVerifyWith) {
    char path[] = "/tmp/ringmx-load-ca-XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    std::FILE* const file = fdopen(fd, "w");
    PEM_write_X509(file, certificate_.x509.get());
    std::fclose(file);
    const Certificate other("mx.test");
    const struct {
        const Certificate& certificate;
        const char* name;
        TlsFailure failure;
    } cases[] = {{certificate_, "mx.test", TlsFailure::none},
                 {certificate_, "mx.elsewhere", TlsFailure::verify},
                 {other, "mx.test", TlsFailure::verify}};
    for (const auto& each : cases) {
        const auto client = context(path, each.name);
        Server server(each.certificate);
        server.accept();
        TlsStream stream;
        ASSERT_TRUE(stream.open(*client, false));
        shake_hands(stream, server);
        EXPECT_EQ(stream.failure(), each.failure) << stream.failure_text();
        EXPECT_EQ(handshake_over_, each.failure == TlsFailure::none);
        EXPECT_EQ(stream.output().empty(), each.failure == TlsFailure::none) << "an alert for the server";
    }
    unlink(path);
    Options options;
    options.tls_ca = path;
    EXPECT_FALSE(TlsContext::create(options).ok()) << "the file is gone";
}

TEST_F(TlsStreamTest, TellsGarbageFromAnAlert) {
    const auto client = context();
    using namespace std::string_view_literals;
    const struct {
        std::string_view octets;
        TlsFailure failure;
    } cases[] = {{"250 what do you mean?\r\n"sv, TlsFailure::octets},
                 {"\x16\x03\x03\x00\x05hello"sv, TlsFailure::octets},
                 {"\x15\x03\x03\x00\x02\x02\x28"sv, TlsFailure::alert}};
    for (const auto& each : cases) {
        TlsStream stream;
        ASSERT_TRUE(stream.open(*client, false));
        ASSERT_EQ(feed(stream, {}, 1), TlsEvent::starved);
        EXPECT_TRUE(stream.output().starts_with("\x16\x03\x01")) << "a ClientHello";
        EXPECT_EQ(feed(stream, each.octets, 1000), TlsEvent::failed);
        EXPECT_EQ(stream.failure(), each.failure) << stream.failure_text();
        EXPECT_FALSE(stream.failure_text().empty());
        EXPECT_FALSE(stream.encrypt("NOOP\r\n"));
        EXPECT_EQ(feed(stream, "more", 4), TlsEvent::failed);
    }
    // Another stream of the thread does not take over the error.
    Server server(certificate_);
    server.accept();
    TlsStream stream;
    ASSERT_TRUE(stream.open(*client, false));
    EXPECT_EQ(shake_hands(stream, server), TlsEvent::starved);
    EXPECT_TRUE(handshake_over_);
}

TEST_F(TlsStreamTest, AChangedRecordIsAFailure) {
    const auto client = context();
    Server server(certificate_);
    server.accept();
    TlsStream stream;
    ASSERT_TRUE(stream.open(*client, false));
    ASSERT_EQ(shake_hands(stream, server), TlsEvent::starved);
    std::string records = server.records_of("250 OK\r\n");
    records.back() = static_cast<char>(records.back() ^ 1);
    EXPECT_EQ(feed(stream, records, 1000), TlsEvent::failed);
    EXPECT_EQ(stream.failure(), TlsFailure::octets);
    EXPECT_EQ(text_, "");
}

}  // namespace
}  // namespace ringmx::load
