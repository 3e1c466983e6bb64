#include "admission/key.hpp"

#include <bit>
#include <cstring>

#include <sys/random.h>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace ringmx::admission {

namespace {

// SipHash with one round for each word and three at the end, of three words.
class SipHash {
 public:
    explicit SipHash(const Secret& secret)
        : v0_(secret.words[0] ^ 0x736f6d6570736575),
          v1_(secret.words[1] ^ 0x646f72616e646f6d),
          v2_(secret.words[0] ^ 0x6c7967656e657261),
          v3_(secret.words[1] ^ 0x7465646279746573) {}
    void add(std::uint64_t word) {
        v3_ ^= word;
        round();
        v0_ ^= word;
    }
    std::uint64_t end() {
        v2_ ^= 0xff;
        for (int i = 0; i < 3; ++i)
            round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

 private:
    void round() {
        v0_ += v1_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v3_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ += v3_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ += v1_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v2_ = std::rotl(v2_, 32);
    }
    std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

Secret Secret::random() {
    Secret secret;
    RMX_ASSERT(getrandom(secret.words.data(), sizeof secret.words, 0) == sizeof secret.words);
    return secret;
}

Network scope_of(const PeerAddress& address, Kind kind, const Prefixes& prefixes) {
    const bool ipv4 = address.family == PeerAddress::Family::ipv4;
    Network scope;
    scope.prefix_bits = kind == Kind::client ? (ipv4 ? prefixes.client_ipv4 : prefixes.client_ipv6)
                                             : (ipv4 ? prefixes.network_ipv4 : prefixes.network_ipv6);
    scope.base.family = address.family;
    const std::size_t whole = scope.prefix_bits / 8;
    const unsigned rest = scope.prefix_bits % 8;
    std::memcpy(scope.base.bytes.data(), address.bytes.data(), whole);
    if (rest != 0)
        scope.base.bytes[whole] = static_cast<std::uint8_t>(address.bytes[whole] & (0xff00u >> rest));
    return scope;
}

std::uint64_t key_of(const Network& scope, Kind kind, const Secret& secret) {
    SipHash hash(secret);
    hash.add(load_le<std::uint64_t>(scope.base.bytes.data()));
    hash.add(load_le<std::uint64_t>(scope.base.bytes.data() + 8));
    hash.add(static_cast<std::uint64_t>(kind) | static_cast<std::uint64_t>(scope.base.family) << 8);
    const std::uint64_t key = hash.end();
    return key == 0 ? 1 : key;
}

}  // namespace ringmx::admission
