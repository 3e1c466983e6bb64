// What admission costs (docs/admission.md): one look-up for a connection, an index for everything after it.
// Nanoseconds of one thread. Tables hold 10,000 clients and are larger than the caches near the core, as in a
// server; clients come in a random order.
//   Admission/connection        a client comes and leaves, limits of the default configuration
//   Admission/connection_exempt the same for limits.exempt
//   Admission/message_default   what a transaction with one recipient asks, limits as by default (no rate of
//                               messages or recipients)
//   Admission/message_limited   the same with a rate for each
//   Admission/shared/threads:N  a client comes and leaves: N cores, each with clients of its own, or all with
//                               one client (shared_one)
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "admission/gate.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::admission;

constexpr std::size_t kClients = 10'000;
constexpr std::int64_t kNow = 1'000 * kNsPerSecond;

std::vector<PeerAddress> clients() {
    std::vector<PeerAddress> list(kClients);
    std::minstd_rand random(1);
    for (PeerAddress& peer : list) {
        peer.family = PeerAddress::Family::ipv4;
        for (std::size_t i = 0; i < 4; ++i)
            peer.bytes[i] = static_cast<std::uint8_t>(random() >> 8);
    }
    return list;
}

// As config::LimitsConfig has them.
Settings default_settings() {
    Settings settings;
    settings.client_connections = 100;
    settings.client_connection_rate = 3000;
    settings.network_connections = 1000;
    settings.rates = {0, 0, 600, 300};
    settings.exempt = {*Network::parse("127.0.0.0/8"), *Network::parse("::1")};
    return settings;
}

struct World {
    explicit World(Settings given) : settings(std::move(given)) {
        for (const PeerAddress& peer : peers)
            places.push_back(gate.arrive(peer, false, kNow).place);
    }
    Settings settings;
    SharedCounts shared;
    Gate gate{settings, Secret{{1, 2}}, shared};
    std::vector<PeerAddress> peers = clients();
    std::vector<Place> places;
};

void connection(benchmark::State& state) {
    World world(default_settings());
    std::int64_t now_ns = kNow;
    std::size_t next = 0;
    for (auto _ : state) {
        const auto arrival = world.gate.arrive(world.peers[next], false, now_ns);
        benchmark::DoNotOptimize(arrival.place.client);
        world.gate.leave(arrival.place);
        next = next + 1 == kClients ? 0 : next + 1;
        now_ns += 100'000;
    }
    if (world.gate.arrive(world.peers[0], false, now_ns).refused != Limit::none)
        state.SkipWithError("refused");
}

void connection_exempt(benchmark::State& state) {
    World world(default_settings());
    const PeerAddress peer = Network::parse("127.0.0.1")->base;
    for (auto _ : state) {
        const auto arrival = world.gate.arrive(peer, false, kNow);
        benchmark::DoNotOptimize(arrival.exempt);
        world.gate.leave(arrival.place);
    }
}

void message(benchmark::State& state, const Settings& settings) {
    World world(settings);
    std::int64_t now_ns = kNow;
    std::size_t next = 0;
    std::uint64_t refused = 0;
    for (auto _ : state) {
        const Place& place = world.places[next];
        refused += world.gate.take(place, Rate::messages, now_ns) ? 0 : 1;
        refused += world.gate.exhausted(place, Rate::recipients_unknown, now_ns) ? 1 : 0;
        refused += world.gate.take(place, Rate::recipients, now_ns) ? 0 : 1;
        next = next + 1 == kClients ? 0 : next + 1;
        now_ns += 10'000;
    }
    if (refused != 0) state.SkipWithError("refused");
}

void message_default(benchmark::State& state) {
    message(state, default_settings());
}

void message_limited(benchmark::State& state) {
    Settings settings = default_settings();
    settings.rates = {60'000, 60'000, 600, 300};
    message(state, settings);
}

std::unique_ptr<SharedCounts> shared_counts;

// A thread's own clients, or one client of all.
void shared(benchmark::State& state, bool one) {
    if (state.thread_index() == 0) shared_counts = std::make_unique<SharedCounts>();
    std::mt19937_64 random(static_cast<unsigned>(state.thread_index()) + 1);
    std::vector<std::uint64_t> keys(kClients);
    for (std::uint64_t& key : keys)
        key = one ? 0x123456789abcdef : random();
    std::size_t next = 0;
    for (auto _ : state) {
        const auto entered = shared_counts->enter(keys[next], 100, 0, kNow);
        shared_counts->leave(entered.index);
        next = next + 1 == kClients ? 0 : next + 1;
    }
}

void shared_own(benchmark::State& state) {
    shared(state, false);
}
void shared_one(benchmark::State& state) {
    shared(state, true);
}

BENCHMARK(connection)->Name("Admission/connection");
BENCHMARK(connection_exempt)->Name("Admission/connection_exempt");
BENCHMARK(message_default)->Name("Admission/message_default");
BENCHMARK(message_limited)->Name("Admission/message_limited");
BENCHMARK(shared_own)->Name("Admission/shared_own")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(shared_one)->Name("Admission/shared_one")->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
