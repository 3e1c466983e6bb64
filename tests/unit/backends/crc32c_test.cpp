#include "records/crc32c.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sample_message.hpp"

namespace ringmx::records {
namespace {

// RFC 3720 §B.4.
TEST(Crc32c, GivesThePublishedValues) {
    EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc32c(0, std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283u);
    EXPECT_EQ(crc32c(0, ""), 0u);
}

TEST(Crc32c, GoesOnFromPieceToPiece) {
    const std::string all = testing::noise(1, 1000);
    const std::uint32_t whole = crc32c(0, all);
    for (std::size_t cut = 0; cut <= all.size(); ++cut)
        ASSERT_EQ(crc32c(crc32c(0, all.substr(0, cut)), all.substr(cut)), whole) << cut;
}

}  // namespace
}  // namespace ringmx::records
