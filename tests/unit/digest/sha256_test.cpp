// SHA-256 against the examples of FIPS 180-4, and what copies of a hash hold.
#include "digest/sha256.hpp"

#include <gtest/gtest.h>

namespace ringmx {
namespace {

TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, ACopyIsASnapshot) {
    Sha256 hash;
    hash.add("ab");
    Sha256 copy = hash;
    Sha256 assigned;
    assigned.add("something else");
    assigned = hash;
    hash.add("x");
    copy.add("c");
    assigned.add("c");
    EXPECT_EQ(to_hex(copy.finish()), sha256_hex("abc"));
    EXPECT_EQ(to_hex(assigned.finish()), sha256_hex("abc"));
    EXPECT_EQ(to_hex(hash.finish()), sha256_hex("abx"));
}

TEST(Sha256, OneThatWasMovedGoesOn) {
    Sha256 hash;
    hash.add("ab");
    Sha256 moved = std::move(hash);
    moved.add("c");
    EXPECT_EQ(to_hex(moved.finish()), sha256_hex("abc"));
}

}  // namespace
}  // namespace ringmx
