// What a callback is told of a client under TLS: version, suite, its certificate and whether that was
// verified.
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include <unistd.h>

#include "embedded.hpp"
#include "tls_client.hpp"

namespace ringmx::embed {
namespace {

using namespace test;
using tls::CertificateText;
using tls::test::make_certificate;

std::string issuers_of(const CertificateText& text) {
    return text.chain.substr(text.chain.find("-----BEGIN", 1));
}

// An SMTP client that issues STARTTLS and then EHLO.
class TlsMailClient {
 public:
    TlsMailClient(std::uint16_t port, const CertificateText* certificate)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), tls_({.certificate = certificate}) {
        const timeval patience{kPatienceSeconds, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        const sockaddr_in address = server::test::loopback(port);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    ~TlsMailClient() { ::close(fd_); }

    void greet() {
        read_until("\r\n");
        send("EHLO client.example.org\r\n");
        read_until("250 HELP\r\n");
        send("STARTTLS\r\n");
        read_until("\r\n");
        std::string received;
        bool asked = false;
        while (!received.ends_with("250 HELP\r\n")) {
            const bool open = tls_.shake();
            if (open && !asked) tls_.write("EHLO client.example.org\r\n");
            asked = open;
            send(tls_.sent());
            const std::string octets = receive();
            ASSERT_NE(octets, "") << received;
            tls_.receive(as_bytes(octets));
            if (asked) received += tls_.read();
        }
    }

 private:
    void send(const std::string& octets) {
        EXPECT_EQ(::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(octets.size()));
    }
    std::string receive() {
        char octets[16384];
        ssize_t got = 0;
        do {  // the end of a ring that the kernel was probed with can interrupt its thread
            got = ::recv(fd_, octets, sizeof octets, 0);
        } while (got < 0 && errno == EINTR);
        return {octets, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }
    void read_until(std::string_view end) {
        std::string text;
        while (!text.ends_with(end)) {
            const std::string octets = receive();
            ASSERT_NE(octets, "") << text;
            text += octets;
        }
    }

    const int fd_;
    tls::test::Client tls_;
};

TEST(ClientFacts, ACallbackIsToldOfTheCertificateAndWhetherItWasVerified) {
    const std::string folder = testing::TempDir() + "ringmx-embed-tls-" + std::to_string(getpid());
    std::filesystem::create_directory(folder);
    const CertificateText own = make_certificate();
    const CertificateText good = make_certificate({.common_name = "good.test", .issuers = 1});
    const CertificateText other = make_certificate({.common_name = "other.test", .issuers = 1});
    std::ofstream(folder + "/chain.pem") << own.chain;
    std::ofstream(folder + "/key.pem") << own.key;
    std::ofstream(folder + "/authorities.pem") << issuers_of(good);

    std::mutex mutex;
    std::vector<std::string> seen;
    Options options = small_options();
    options.config_text = "[tls]\ncertificates = [{ chain = \"" + folder + "/chain.pem\", key = \"" + folder +
                          "/key.pem\" }]\nclient_certificates = \"request\"\nclient_authorities = \"" +
                          folder + "/authorities.pem\"\n";
    options.callbacks.on_hello = [&](const Ticket&, const embed::Client& client) {
        const std::lock_guard lock(mutex);
        if (!client.tls) return Decision::accept();
        seen.push_back(std::string(client.tls_version) + " " + std::string(client.tls_client_subject) + " " +
                       std::to_string(client.tls_client_sha256.size()) +
                       (client.tls_client_verified ? " verified" : " ") +
                       std::string(client.tls_client_problem));
        EXPECT_TRUE(client.tls_cipher.starts_with("TLS_")) << client.tls_cipher;
        EXPECT_FALSE(client.tls_at_proxy);
        return Decision::accept();
    };
    const auto engine = start(std::move(options));
    ASSERT_NE(engine, nullptr);
    for (const CertificateText* certificate : {&good, &other, static_cast<const CertificateText*>(nullptr)})
        TlsMailClient(engine->port(), certificate).greet();
    engine->stop();
    std::filesystem::remove_all(folder);
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0], "TLSv1.3 CN=good.test 32 verified");
    EXPECT_EQ(seen[1], "TLSv1.3 CN=other.test 32 unable to get local issuer certificate");
    EXPECT_EQ(seen[2], "TLSv1.3  0 ");
}

}  // namespace
}  // namespace ringmx::embed
