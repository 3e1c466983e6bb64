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

TEST(StatusTable, ShowsTheCountersOfStorageBelow) {
    const auto table = status_table(
        R"({"version":"1","uptime_s":0,"storage":{"backend":"actor","counters":{"plugin_stored":5,"actor.bytes":12}},"total":{"apple":7},"cores":[]})");
    ASSERT_TRUE(table.ok());
    EXPECT_EQ(*table,
              "ringmx 1, up 0 d 00:00:00\n\n"
              "                                       total\n"
              "apple                                      7\n"
              "\nstorage actor\n"
              "plugin_stored                              5\n"
              "actor.bytes                               12\n");
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
