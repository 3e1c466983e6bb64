// The gate as a core uses it: who may come in, what each may do, and how cores share a client's limits.
#include "admission/gate.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::admission {
namespace {

constexpr std::int64_t kNow = 9'000 * kNsPerSecond;

PeerAddress peer(const std::string& text) {
    return Network::parse(text).value().base;
}

class GateTest : public ::testing::Test {
 protected:
    // As many cores as there are gates.
    void make(unsigned cores = 1) {
        for (unsigned core = 0; core < cores; ++core)
            gates_.push_back(std::make_unique<Gate>(settings_, secret_, shared_, core, cores));
    }
    Gate& gate(unsigned core = 0) { return *gates_[core]; }
    Gate::Arrival arrive(const std::string& address, unsigned core = 0, std::int64_t now_ns = kNow) {
        return gate(core).arrive(peer(address), false, now_ns);
    }
    int taken(const Place& place, Rate rate, unsigned core = 0, int most = 1000) {
        int count = 0;
        while (count < most && gate(core).take(place, rate, kNow))
            ++count;
        return count;
    }

    Settings settings_;
    Secret secret_{{1, 2}};
    SharedCounts shared_{1024};
    std::vector<std::unique_ptr<Gate>> gates_;
};

TEST_F(GateTest, ConnectionsOfAClientAreCountedOverAllCores) {
    settings_.client_connections = 3;
    make(2);
    const auto first = arrive("192.0.2.1", 0);
    EXPECT_EQ(arrive("192.0.2.1", 0).refused, Limit::none);
    EXPECT_EQ(arrive("192.0.2.1", 1).refused, Limit::none);
    const auto fourth = arrive("192.0.2.1", 1);
    EXPECT_EQ(fourth.refused, Limit::client_connections);
    EXPECT_EQ(fourth.place.shared_client, kNowhere) << "it has nothing to leave";
    EXPECT_EQ(arrive("192.0.2.2", 1).refused, Limit::none);
    gate(0).leave(first.place);
    EXPECT_EQ(arrive("192.0.2.1", 1).refused, Limit::none);
}

TEST_F(GateTest, ANetworkHasALimitOfItsOwn) {
    settings_.client_connections = 2;
    settings_.network_connections = 3;
    make();
    EXPECT_EQ(arrive("192.0.2.1").refused, Limit::none);
    EXPECT_EQ(arrive("192.0.2.2").refused, Limit::none);
    EXPECT_EQ(arrive("192.0.2.3").refused, Limit::none);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(arrive("192.0.2.4").refused, Limit::network_connections);
    EXPECT_EQ(arrive("192.0.3.4").refused, Limit::none);
    // What the network refused is not counted for the client.
    settings_.network_connections = 5;
    EXPECT_EQ(arrive("192.0.2.4").refused, Limit::none);
    EXPECT_EQ(arrive("192.0.2.4").refused, Limit::none);
}

TEST_F(GateTest, NewConnectionsHaveARate) {
    settings_.client_connection_rate = 2;
    settings_.network_connection_rate = 3;
    make();
    for (int i = 0; i < 2; ++i)
        gate().leave(arrive("2001:db8::1").place);
    EXPECT_EQ(arrive("2001:db8::2").refused, Limit::client_connection_rate) << "one /64 is one client";
    gate().leave(arrive("192.0.2.1").place);
    gate().leave(arrive("192.0.2.2").place);
    gate().leave(arrive("192.0.2.3").place);
    EXPECT_EQ(arrive("192.0.2.4").refused, Limit::network_connection_rate);
    EXPECT_EQ(arrive("192.0.2.4", 0, kNow + 20 * kNsPerSecond).refused, Limit::none);
}

TEST_F(GateTest, ExemptClientsAreNotCounted) {
    settings_.client_connections = 1;
    settings_.rates = {1, 1, 1, 1};
    settings_.exempt = {*Network::parse("192.0.2.0/28")};
    make();
    for (int i = 0; i < 10; ++i) {
        const auto arrival = arrive("192.0.2.1");
        EXPECT_TRUE(arrival.exempt);
        EXPECT_EQ(arrival.refused, Limit::none);
        EXPECT_EQ(taken(arrival.place, Rate::messages, 0, 50), 50);
    }
    EXPECT_FALSE(arrive("192.0.2.16").exempt);
    EXPECT_EQ(arrive("192.0.2.16").refused, Limit::client_connections);
}

TEST_F(GateTest, TheReserveIsForKnownNetworks) {
    settings_.known = {*Network::parse("198.51.100.0/24")};
    make();
    EXPECT_EQ(gate().arrive(peer("192.0.2.1"), true, kNow).refused, Limit::reserve);
    EXPECT_EQ(gate().arrive(peer("198.51.100.7"), true, kNow).refused, Limit::none);
    EXPECT_EQ(gate().arrive(peer("192.0.2.1"), false, kNow).refused, Limit::none);
}

TEST_F(GateTest, RatesAreAClientsAndNotAConnections) {
    settings_.rates = {5, 0, 0, 0};
    make();
    const auto first = arrive("192.0.2.1");
    const auto second = arrive("192.0.2.1");
    const auto other = arrive("192.0.2.2");
    EXPECT_EQ(taken(first.place, Rate::messages, 0, 3), 3);
    EXPECT_EQ(taken(second.place, Rate::messages), 2);
    EXPECT_EQ(taken(other.place, Rate::messages), 5);
    EXPECT_EQ(taken(first.place, Rate::recipients, 0, 100), 100) << "no limit";
    EXPECT_TRUE(gate().exhausted(first.place, Rate::messages, kNow));
    EXPECT_FALSE(gate().exhausted(first.place, Rate::messages, kNow + 12 * kNsPerSecond));
}

TEST_F(GateTest, CoresShareARateAsTheyShareTheConnections) {
    settings_.rates = {60, 0, 0, 0};
    make(3);
    const auto a = arrive("192.0.2.1", 0);
    arrive("192.0.2.1", 0);
    const auto b = arrive("192.0.2.1", 1);
    EXPECT_EQ(taken(a.place, Rate::messages, 0), 40) << "two connections of three";
    EXPECT_EQ(taken(b.place, Rate::messages, 1), 20);
    const auto alone = arrive("192.0.2.2", 2);
    EXPECT_EQ(taken(alone.place, Rate::messages, 2), 60) << "all of it where all connections are";
}

TEST_F(GateTest, AShareIsNeverNothing) {
    settings_.rates = {1, 0, 0, 0};
    make(2);
    for (int i = 0; i < 10; ++i)
        arrive("192.0.2.1", 1);
    const auto one = arrive("192.0.2.1", 0);
    EXPECT_EQ(taken(one.place, Rate::messages, 0), 1);
}

TEST_F(GateTest, AClientThatHasMadeTooManyErrorsIsNotLetInAgainForAWhile) {
    settings_.rates = {0, 0, 0, 2};
    make();
    const auto first = arrive("192.0.2.1");
    EXPECT_EQ(taken(first.place, Rate::errors), 2);
    gate().leave(first.place);
    const auto refused = arrive("192.0.2.1");
    EXPECT_EQ(refused.refused, Limit::error_rate);
    EXPECT_EQ(refused.place.client, kNowhere);
    EXPECT_EQ(arrive("192.0.2.1", 0, kNow + 31 * kNsPerSecond).refused, Limit::none);
}

TEST_F(GateTest, AFullTableLetsEverybodyInAndSaysSo) {
    SharedCounts tiny(16);
    settings_.client_connections = 1;
    Gate gate(settings_, secret_, tiny);
    int uncounted = 0;
    for (int i = 0; i < 64; ++i) {
        const auto arrival = gate.arrive(peer("192.0.2." + std::to_string(i)), false, kNow);
        EXPECT_EQ(arrival.refused, Limit::none);
        uncounted += arrival.uncounted ? 1 : 0;
        if (!arrival.uncounted) continue;
        EXPECT_EQ(arrival.place.shared_client, kNowhere);
        gate.leave(arrival.place);
    }
    EXPECT_GE(uncounted, 48) << "16 were counted at most";
    EXPECT_LE(uncounted, 56) << "and most of these";
}

TEST_F(GateTest, LogLinesAreLimited) {
    make();
    std::uint32_t lines = 0;
    while (gate().may_log(kNow))
        ++lines;
    EXPECT_EQ(lines, 60 * limits::admission_lines_per_second);
    lines = 0;
    while (gate().may_log(kNow + kNsPerSecond))
        ++lines;
    EXPECT_EQ(lines, limits::admission_lines_per_second);
}

// Without them the bucket of a client that has stayed would look full when its clock has wrapped around.
TEST_F(GateTest, TicksSweepAllOfTheTables) {
    settings_.client_connection_rate = 1;
    make(3);
    std::vector<std::string> clients;
    for (unsigned i = 0; i < 200; ++i) {
        clients.push_back("192.0.2." + std::to_string(i));
        ASSERT_EQ(arrive(clients.back(), i % 3).refused, Limit::none);
    }
    constexpr std::int64_t later_ns = 1'060 * kNsPerSecond;
    ASSERT_NE(SharedCounts::Rate::level(SharedCounts::Rate::ticks(kNow + 60 * kNsPerSecond),
                                        SharedCounts::Rate::ticks(kNow + later_ns)),
              0u);
    for (std::int64_t ns = 0; ns < later_ns; ns += 250 * kNsPerMs) {
        for (unsigned core = 0; core < 3; ++core)
            gate(core).tick(kNow + ns);
    }
    for (const std::string& client : clients)
        EXPECT_EQ(arrive(client, 0, kNow + later_ns).refused, Limit::none) << client;
}

TEST(Limits, AreNamedAfterTheirKeys) {
    EXPECT_EQ(to_string(Limit::client_connections), "limits.client_connections");
    EXPECT_EQ(to_string(limit_of(Rate::recipients_unknown)), "limits.unknown_recipient_rate");
    EXPECT_EQ(to_string(Limit::none), "");
}

}  // namespace
}  // namespace ringmx::admission
