// Certificates that are renewed, and ticket keys that change, while cores make handshakes.
#include "server/tls_setup.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tls_client.hpp"

namespace ringmx::server {

namespace {

using tls::test::make_certificate;
using tls::test::shake_hands;

class TlsSetupTest : public testing::Test {
 protected:
    TlsSetupTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tls-setup-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        config_.certificates = {{folder_ + "/chain.pem", folder_ + "/key.pem", {}}};
        config_.check_interval_s = 3600;
        write(make_certificate({.common_name = "0"}));
        log_ = std::move(*admin::Log::open({.path = {}, .cores = 1, .sink = [this](std::string_view line) {
                                                const std::lock_guard lock(mutex_);
                                                lines_ += std::string(line) + "\n";
                                            }}));
    }
    ~TlsSetupTest() override {
        setup_.reset();
        log_->stop();
        std::filesystem::remove_all(folder_);
    }
    void write(const tls::CertificateText& text) {
        std::ofstream(folder_ + "/chain.pem") << text.chain;
        std::ofstream(folder_ + "/key.pem") << text.key;
    }
    void open(unsigned cores) {
        auto opened =
            TlsSetup::open(config_, "mx.example.com", cores, *log_, [this](const std::string& path) {
                ++opened_;
                return open_file(path);
            });
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        setup_ = std::move(*opened);
        setup_->start(counters_);
    }
    static bool comes_to(const std::function<bool()>& condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return true;
    }
    std::string shown(unsigned core) {
        tls::test::Client client;
        tls::test::Server server(setup_->slot(core).get());
        return shake_hands(client, server) ? client.server_common_name() : "";
    }
    std::string lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

    config::TlsConfig config_;
    std::string folder_;
    std::atomic<int> opened_{0};  // files
    admin::CoreCounters counters_;
    std::mutex mutex_;
    std::string lines_;
    std::unique_ptr<admin::Log> log_;
    std::unique_ptr<TlsSetup> setup_;
};

TEST_F(TlsSetupTest, ANewCertificateReachesEveryCore) {
    open(2);
    EXPECT_EQ(shown(0), "0");
    EXPECT_EQ(shown(1), "0");
    write(make_certificate({.common_name = "1"}));
    setup_->reload();
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads.get() == 1; }));
    EXPECT_EQ(shown(0), "1");
    EXPECT_EQ(shown(1), "1");
}

// What is checked is what is used: two reads could see two files.
TEST_F(TlsSetupTest, AReloadReadsEachFileOnce) {
    open(2);
    write(make_certificate({.common_name = "1"}));
    opened_ = 0;
    setup_->reload();
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads.get() == 1; }));
    EXPECT_EQ(opened_.load(), 4) << "chain and key: one look at each whether it has changed, and one read";
}

TEST_F(TlsSetupTest, AuthoritiesOfClientsAreAFileOrAFolderAndLoadedAnew) {
    const auto good = make_certificate({.common_name = "client", .issuers = 1});
    const auto other = make_certificate({.common_name = "other", .issuers = 1});
    const std::string authorities = folder_ + "/authorities";
    const auto write_authority = [](const std::string& path, const tls::CertificateText& text) {
        std::ofstream(path) << text.chain.substr(text.chain.find("-----BEGIN", 1));
    };
    const auto is_verified = [&](const tls::CertificateText& certificate) {
        tls::test::Client client({.certificate = &certificate});
        tls::test::Server server(setup_->slot(0).get());
        EXPECT_TRUE(shake_hands(client, server));
        return server.channel->client_certificate()->verified;
    };
    config_.client_certificates = config::ClientCertificates::request;
    config_.client_authorities = authorities;
    config_.check_interval_s = 1;
    for (const bool folder : {false, true}) {
        if (folder) {
            std::filesystem::remove(authorities);
            std::filesystem::create_directory(authorities);
            std::ofstream(authorities + "/README") << "not read";
        }
        const std::string file = folder ? authorities + "/one.pem" : authorities;
        write_authority(file, good);
        open(1);
        EXPECT_TRUE(is_verified(good));
        EXPECT_FALSE(is_verified(other));
        write_authority(folder ? authorities + "/two.crt" : file, other);
        EXPECT_TRUE(comes_to([&] { return is_verified(other); })) << folder;
        EXPECT_EQ(is_verified(good), folder);
    }
    setup_->stop();
    std::ofstream(authorities + "/two.crt")
        << "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n";
    const auto checked = check_certificates(config_, "mx.example.com");
    ASSERT_FALSE(checked.ok());
    EXPECT_NE(checked.error().message.find("tls.client_authorities: has a certificate that cannot be read"),
              std::string::npos)
        << checked.error().message;
    std::filesystem::remove_all(authorities);
    const auto absent = check_certificates(config_, "mx.example.com");
    ASSERT_FALSE(absent.ok());
    EXPECT_NE(absent.error().message.find("/authorities"), std::string::npos) << absent.error().message;
}

// An authority has to go, whatever else is the matter.
TEST_F(TlsSetupTest, AnAuthorityIsTakenOutThoughTheServersOwnCertificateHasExpired) {
    write(make_certificate({.common_name = "old", .begins_s = -7200, .ends_s = -3600}));
    config_.client_certificates = config::ClientCertificates::request;
    config_.client_authorities = folder_ + "/authorities";
    std::ofstream(config_.client_authorities) << make_certificate({.common_name = "a"}).chain;
    open(1);
    std::ofstream(config_.client_authorities) << make_certificate({.common_name = "b"}).chain;
    setup_->reload();
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads.get() == 1; }));
    EXPECT_EQ(counters_.tls_reloads_refused.get(), 0u);
}

TEST_F(TlsSetupTest, FilesThatChangeAreNoticed) {
    config_.check_interval_s = 1;
    open(1);
    write(make_certificate({.common_name = "1"}));
    EXPECT_TRUE(comes_to([&] { return shown(0) == "1"; }));
    EXPECT_TRUE(comes_to([&] { return lines().find("loaded anew") != std::string::npos; }));
}

TEST_F(TlsSetupTest, ABadOneIsRefusedAndTheOldOneKept) {
    open(1);
    tls::CertificateText bad = make_certificate({.common_name = "1"});
    bad.key = make_certificate().key;
    write(bad);
    setup_->reload();
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads_refused.get() == 1; }));
    EXPECT_EQ(shown(0), "0");
    write(make_certificate({.common_name = "2", .begins_s = -7200, .ends_s = -3600}));
    setup_->reload();
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads_refused.get() == 2; }));
    EXPECT_EQ(shown(0), "0");
    EXPECT_TRUE(comes_to([&] { return lines().find("has expired on") != std::string::npos; }));
    EXPECT_NE(lines().find("the key is not this certificate's"), std::string::npos);
    EXPECT_EQ(counters_.tls_reloads.get(), 0u);
}

TEST_F(TlsSetupTest, OneThatWasRefusedIsTakenOnceItIsGood) {
    config_.check_interval_s = 1;
    open(1);
    write(make_certificate({.common_name = "1", .begins_s = 3, .ends_s = 3600}));
    EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads_refused.get() == 1; }));
    EXPECT_EQ(shown(0), "0");
    EXPECT_TRUE(comes_to([&] { return shown(0) == "1"; })) << "without another change of the files";
    EXPECT_EQ(counters_.tls_reloads_refused.get(), 1u) << "told once";
}

TEST_F(TlsSetupTest, AStartWithAnExpiredCertificateServesAndSaysSo) {
    write(make_certificate({.common_name = "old", .begins_s = -7200, .ends_s = -3600}));
    open(1);
    EXPECT_EQ(shown(0), "old");
    EXPECT_TRUE(comes_to([&] { return lines().find("has expired on") != std::string::npos; }));
}

TEST_F(TlsSetupTest, AStartWithoutTheFilesFails) {
    std::filesystem::remove(folder_ + "/key.pem");
    const auto opened = TlsSetup::open(config_, "mx.example.com", 1, *log_);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find("key.pem"), std::string::npos);
}

// Under the thread sanitizer this is the test of what crosses threads: contexts and ticket keys.
TEST_F(TlsSetupTest, CoresShakeHandsWhileCertificatesAndTicketKeysChange) {
    config_.ticket_lifetime_s = 1;
    config_.check_interval_s = 1;
    open(2);
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0};
    std::atomic<int> done{0};
    std::vector<std::thread> cores;
    for (unsigned core = 0; core < 2; ++core) {
        cores.emplace_back([&, core] {
            while (!stop.load()) {
                tls::test::Client first;
                tls::test::Server server(setup_->slot(core).get());
                if (!shake_hands(first, server)) ++failed;
                first.receive(server.take("220 mx\r\n"));
                if (first.read() != "220 mx\r\n" || first.sessions.empty()) {
                    ++failed;
                    continue;
                }
                // Back again at the other core, whatever has changed in between.
                tls::test::Client second({.session = first.sessions.back()});
                tls::test::Server other(setup_->slot(1 - core).get());
                if (!shake_hands(second, other)) ++failed;
                ++done;
            }
        });
    }
    for (std::uint64_t renewal = 1; renewal <= 8; ++renewal) {
        const std::uint64_t before = counters_.tls_reloads.get();
        write(make_certificate({.common_name = std::to_string(renewal)}));
        setup_->reload();
        EXPECT_TRUE(comes_to([&] { return counters_.tls_reloads.get() > before; }));
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
    }
    EXPECT_TRUE(comes_to([&] { return done.load() > 20; }));
    stop = true;
    for (std::thread& core : cores)
        core.join();
    EXPECT_EQ(failed.load(), 0);
    EXPECT_EQ(shown(0), "8");
}

}  // namespace

}  // namespace ringmx::server
