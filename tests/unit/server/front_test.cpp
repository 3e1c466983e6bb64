// Clients that somebody else names, through a whole core: what policy sees of them, and what becomes of
// connections from a proxy whose header is late, wrong or not there. The header's forms are
// tests/unit/proxy's, XCLIENT's syntax the golden dialogues'.
#include <mutex>

#include <gtest/gtest.h>

#include "core_fixture.hpp"

namespace ringmx::server::test {
namespace {

using namespace std::string_literals;

const std::string kHeader = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n";
const std::string kLocal = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s;

// Writes down whom it is asked about.
class Witness final : public policy::Policy {
 public:
    Decision on_connect(policy::Ticket, const policy::ClientFacts& client) override {
        see("connect", client);
        return Decision::accept();
    }
    Decision on_hello(policy::Ticket, const policy::ClientFacts& client) override {
        see("hello", client);
        return Decision::accept();
    }
    Decision on_mail(policy::Ticket, const policy::ClientFacts& client, const policy::MailFacts&) override {
        see("mail", client);
        return Decision::accept();
    }
    void on_disconnect(policy::Ticket) override { add("disconnect"); }

    std::string seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

 private:
    void see(const std::string& where, const policy::ClientFacts& client) {
        std::array<char, 48> buffer;
        std::string text = where + " " + std::string(client.address.format(buffer));
        if (client.address.port == 56324 || client.address.port == 7)
            text += ":" + std::to_string(client.address.port);
        if (!client.name.empty()) text += " name=" + std::string(client.name);
        if (client.extended) text += " esmtp";
        if (client.via.family != PeerAddress::Family::none)
            text += " via=" + std::string(client.via.format(buffer));
        if (client.destination.family != PeerAddress::Family::none) {
            text += " at=" + std::string(client.destination.format(buffer)) + ":" +
                    std::to_string(client.destination.port);
        }
        if (client.tls_at_proxy) {
            text += " tls=" + std::string(client.tls_version) + "," + std::string(client.tls_cipher) + "," +
                    std::string(client.tls_client_name) + (client.tls_client_verified ? "!" : "");
        }
        if (!client.host.empty()) text += " host=" + std::string(client.host);
        if (!client.login.empty()) text += " login=" + std::string(client.login);
        if (!client.authority.empty()) text += " authority=" + std::string(client.authority);
        if (!client.unique_id.empty()) text += " id=" + std::string(client.unique_id);
        add(text);
    }
    void add(const std::string& text) {
        const std::lock_guard lock(mutex_);
        seen_ += text + "\n";
    }

    std::mutex mutex_;
    std::string seen_;
};

class FrontTest : public CoreTest {
 protected:
    void serve(const std::vector<std::string>& proxies, const std::vector<std::string>& xclient = {}) {
        for (const std::string& network : proxies)
            config_.proxy.networks.push_back(*Network::parse(network));
        for (const std::string& network : xclient)
            config_.proxy.xclient.push_back(*Network::parse(network));
        auto policy = std::make_unique<Witness>();
        witness_ = policy.get();
        make(std::move(policy));
        run();
    }
    std::string seen(const std::string& wanted) {
        comes_to([&] { return witness_->seen() == wanted; });
        return witness_->seen();
    }

    Witness* witness_ = nullptr;
};

TEST_F(FrontTest, TheHeaderNamesTheClient) {
    serve({"127.0.0.0/8"});
    Client client(port_);
    ASSERT_TRUE(client.send(kHeader));
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("EHLO client.test"), 250);
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(client.ask("QUIT"), 221);
    EXPECT_TRUE(client.ends());
    const std::string whom = "192.0.2.1:56324";
    const std::string rest = " via=127.0.0.1 at=198.51.100.1:25\n";
    const std::string wanted = "connect " + whom + rest + "hello " + whom + " name=client.test esmtp" + rest +
                               "mail " + whom + " name=client.test esmtp" + rest + "disconnect\n";
    EXPECT_EQ(seen(wanted), wanted);
    EXPECT_EQ(counters_.proxy_clients.get(), 1u);
}

TEST_F(FrontTest, WhatIsBehindTheHeaderBelongsToTheSession) {
    serve({"127.0.0.0/8"});
    const std::string commands = "EHLO client.test\r\nNOOP\r\nQUIT\r\n";
    for (std::size_t cut = 0; cut <= kHeader.size() + commands.size(); cut += 5) {
        Client client(port_);
        const std::string all = kHeader + commands;
        ASSERT_TRUE(client.send(all.substr(0, cut)));
        std::this_thread::sleep_for(std::chrono::milliseconds(3));  // mostly in a receive of its own
        ASSERT_TRUE(client.send(all.substr(cut)));
        for (const int code : {220, 250, 250, 221})
            EXPECT_EQ(client.reply(), code) << cut;
        EXPECT_TRUE(client.ends());
    }
}

TEST_F(FrontTest, FactsOfTlsAtTheProxy) {
    serve({"127.0.0.0/8"});
    const auto tlv = [](char type, const std::string& value) {
        return std::string{type, '\0', static_cast<char>(value.size())} + value;
    };
    const std::string block =
        "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19"s + tlv(0x02, "mx.test") + tlv(0x05, "id-7") +
        tlv(0x20,
            "\x07\0\0\0\0"s + tlv(0x21, "TLSv1.3") + tlv(0x23, "TLS_AES_128_GCM_SHA256") + tlv(0x22, "joe"));
    Client client(port_);
    ASSERT_TRUE(client.send("\r\n\r\n\0\r\nQUIT\n\x21\x11\0"s + static_cast<char>(block.size()) + block));
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("QUIT"), 221);
    const std::string wanted =
        "connect 192.0.2.1:56324 via=127.0.0.1 at=198.51.100.1:25 "
        "tls=TLSv1.3,TLS_AES_128_GCM_SHA256,joe! authority=mx.test id=id-7\ndisconnect\n";
    EXPECT_EQ(seen(wanted), wanted);
}

TEST_F(FrontTest, HealthChecksKeepTheirOwnAddress) {
    serve({"127.0.0.0/8"});
    for (const std::string& header : {kLocal, "PROXY UNKNOWN\r\n"s}) {
        Client client(port_);
        ASSERT_TRUE(client.send(header));
        EXPECT_EQ(client.reply(), 220);
        EXPECT_EQ(client.ask("QUIT"), 221);
    }
    const std::string one = "connect 127.0.0.1\ndisconnect\n";
    EXPECT_EQ(seen(one + one), one + one);
    EXPECT_EQ(counters_.proxy_own.get(), 2u);
    {
        Client silent(port_);  // looks at the port, and goes
    }
    EXPECT_TRUE(comes_to([&] { return counters_.proxy_silent.get() == 1; }));
    Client aborted(port_);
    aborted.reset();
    EXPECT_TRUE(comes_to([&] { return counters_.proxy_silent.get() == 2; }));
    EXPECT_EQ(counters_.proxy_failed_lost.get(), 0u);
}

TEST_F(FrontTest, WithoutAGoodHeaderTheConnectionIsClosedWithoutAWord) {
    config_.timeouts.proxy_header_s = 1;
    serve({"127.0.0.0/8"});
    const struct {
        std::string octets;
        admin::Counter& counter;
    } cases[] = {
        {"EHLO client.test\r\n", counters_.proxy_failed_absent},
        {"PROXY TCP4 nonsense\r\n", counters_.proxy_failed_malformed},
        {"PROXY UNKNOWN " + std::string(100, 'x'), counters_.proxy_failed_too_long},
        {"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"s, counters_.proxy_failed_too_long},
        {"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04wxyz"s, counters_.proxy_failed_checksum},
        {"PROXY", counters_.proxy_failed_timed_out},
        {"", counters_.proxy_failed_timed_out},
    };
    for (const auto& one : cases) {
        const std::uint64_t before = one.counter.get();
        Client client(port_);
        ASSERT_TRUE(client.send(one.octets));
        EXPECT_EQ(client.reply(), 0) << one.octets;
        EXPECT_EQ(one.counter.get(), before + 1) << one.octets;
    }
    EXPECT_EQ(counters_.timeouts.get(), 2u);
    Client client(port_);
    ASSERT_TRUE(client.send("PROXY TC"));
    client.shut();
    EXPECT_EQ(client.reply(), 0);
    EXPECT_EQ(counters_.proxy_failed_lost.get(), 1u);
    EXPECT_EQ(witness_->seen(), "");
}

TEST_F(FrontTest, FromElsewhereTheHeaderIsAnUnknownCommand) {
    serve({"192.0.2.0/24"});
    Client client(port_);
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask(kHeader.substr(0, kHeader.size() - 2)), 500);
    EXPECT_EQ(client.ask("QUIT"), 221);
    // Its signature was made to read like this.
    Client binary(port_);
    ASSERT_TRUE(binary.send(kLocal));
    for (const int code : {220, 500, 500, 501, 221})
        EXPECT_EQ(binary.reply(), code);
    EXPECT_TRUE(binary.ends());
    const std::string one = "connect 127.0.0.1\ndisconnect\n";
    EXPECT_EQ(seen(one + one), one + one);
}

TEST_F(FrontTest, OnOtherListenersThereIsNoHeader) {
    config_.server.listen = {"127.0.0.1:1"};
    config_.proxy.listeners = {"127.0.0.1:2"};
    serve({"127.0.0.0/8"});
    Client client(port_);
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("QUIT"), 221);
}

TEST_F(FrontTest, ADrainClosesWhoAwaitsAHeader) {
    serve({"127.0.0.0/8"});
    Client client(port_);
    EXPECT_TRUE(comes_to([&] { return counters_.connections_accepted.get() == 1; }));
    core_->request_stop();
    EXPECT_EQ(client.reply(), 0);
}

TEST_F(FrontTest, XclientNamesOneClientAfterTheOther) {
    serve({}, {"127.0.0.1"});
    Client client(port_);
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("EHLO front.test"), 250);
    EXPECT_EQ(client.ask("XCLIENT NAME=one.test ADDR=192.0.2.1 PORT=7 LOGIN=joe"), 220);
    EXPECT_EQ(client.ask("XCLIENT HELO=helo.test PROTO=SMTP"), 220);
    EXPECT_EQ(client.ask("EHLO front.test"), 250);
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(client.ask("RSET"), 250);
    EXPECT_EQ(
        client.ask("XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE] "
                   "PROTO=ESMTP DESTADDR=198.51.100.1 DESTPORT=25"),
        220);
    EXPECT_EQ(client.ask("HELO front.test"), 250);
    EXPECT_EQ(client.ask("QUIT"), 221);
    const std::string one = "192.0.2.1:7";
    const std::string told = " via=127.0.0.1 host=one.test login=joe\n";
    const std::string wanted =
        "connect 127.0.0.1\nhello 127.0.0.1 name=front.test esmtp\ndisconnect\nconnect " + one + told +
        "disconnect\nconnect " + one + " name=helo.test" + told + "hello " + one + " name=helo.test" + told +
        "mail " + one + " name=helo.test" + told +
        "disconnect\nconnect unknown esmtp via=127.0.0.1 at=198.51.100.1:25\n" +
        "hello unknown name=front.test esmtp via=127.0.0.1 at=198.51.100.1:25\ndisconnect\n";
    EXPECT_EQ(seen(wanted), wanted);
    EXPECT_EQ(counters_.xclient_commands.get(), 3u);
}

TEST_F(FrontTest, WhoMaySendXclientIsDecidedByTheAddressInTheHeader) {
    serve({"127.0.0.0/8"}, {"192.0.2.1"});
    Client client(port_);
    ASSERT_TRUE(client.send(kHeader));
    EXPECT_EQ(client.reply(), 220);
    EXPECT_EQ(client.ask("XCLIENT ADDR=192.0.2.77"), 220);
    EXPECT_EQ(client.ask("XCLIENT ADDR=192.0.2.78"), 220);
    EXPECT_EQ(client.ask("QUIT"), 221);
    Client other(port_);
    ASSERT_TRUE(other.send(kLocal));
    EXPECT_EQ(other.reply(), 220);
    EXPECT_EQ(other.ask("XCLIENT ADDR=192.0.2.1"), 550);
    EXPECT_EQ(other.ask("QUIT"), 221);
}

TEST_F(FrontTest, BareLineEndsByTheAddressThatWasTold) {
    config_.smtp.bare_newline_exceptions.push_back(
        {*Network::parse("192.0.2.0/24"), config::BareNewlineMode::reject});
    serve({"127.0.0.0/8"});
    const auto answer = [&](const std::string& header) {
        Client client(port_);
        client.send(header);
        client.reply();
        client.ask("HELO client.test");
        client.begin_message();
        return client.ask("bare\nline end\r\n.");
    };
    EXPECT_EQ(answer(kHeader), 554);
    EXPECT_EQ(answer(kLocal), 250);
}

}  // namespace
}  // namespace ringmx::server::test
