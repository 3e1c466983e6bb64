// The table of `ringmxctl status`.
#include "status_text.hpp"

#include <gtest/gtest.h>

namespace ringmx::ctl {
namespace {

TEST(StatusTable, HasOneLineForEachCounterInTheServersOrder) {
    const auto table = status_table(
        R"({"version":"1.2.3","uptime_s":93784,"total":{"zebra":3,"apple":7},"cores":[{"zebra":1,"apple":7},{"zebra":2}]})");
    ASSERT_TRUE(table.ok());
    EXPECT_EQ(*table,
              "ringmx 1.2.3, up 1 d 02:03:04\n\n"
              "                                       total          core 0          core 1\n"
              "zebra                                      3               1               2\n"
              "apple                                      7               7               -\n");
}

TEST(StatusTable, WhatIsNoStatusIsAnError) {
    for (const char* text : {"", "null", "{", "[]", "{}", R"({"total":1,"cores":[]})",
                             R"({"total":{},"cores":{}})", R"({"error":"unknown request"})"}) {
        EXPECT_FALSE(status_table(text).ok()) << text;
    }
    EXPECT_TRUE(status_table(R"({"version":3,"uptime_s":-1,"total":{},"cores":[]})").ok());
}

}  // namespace
}  // namespace ringmx::ctl
