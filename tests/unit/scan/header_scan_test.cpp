#include "scan/header_scan.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace ringmx::scan {
namespace {

std::uint32_t count(std::string_view text) {
    HeaderScan scan;
    scan.feed(as_bytes(text));
    return scan.received_count();
}

TEST(HeaderScan, CountsReceivedInAnyCase) {
    EXPECT_EQ(count("Received: a\r\nRECEIVED: b\r\nreceived:c\r\nSubject: Received: d\r\n\r\n"), 3u);
}

TEST(HeaderScan, FoldedLinesAreOneField) {
    EXPECT_EQ(count("Received: from a\r\n\tby b\r\n Received: no field\r\nReceived: c\r\n\r\n"), 2u);
}

TEST(HeaderScan, LongerNamesDoNotCount) {
    EXPECT_EQ(count("Received-SPF: pass\r\nX-Received: a\r\nReceive: b\r\nReceived : c\r\n\r\n"), 0u);
}

TEST(HeaderScan, StopsAtTheEmptyLine) {
    HeaderScan scan;
    scan.feed(as_bytes("Received: a\r\n\r\nReceived: b\r\n"));
    EXPECT_TRUE(scan.done());
    EXPECT_EQ(scan.received_count(), 1u);
}

TEST(HeaderScan, AnySplitCountsTheSame) {
    const std::string text = "Subject: x\r\nReceived: a\r\n\tfold\r\nrEceived: b\r\n\r\nReceived: c\r\n";
    for (std::size_t split = 0; split <= text.size(); ++split) {
        HeaderScan scan;
        scan.feed(as_bytes(text.substr(0, split)));
        scan.feed(as_bytes(text.substr(split)));
        EXPECT_EQ(scan.received_count(), 2u) << split;
        EXPECT_TRUE(scan.done());
    }
    HeaderScan bytewise;
    for (const char c : text)
        bytewise.feed(as_bytes(std::string_view(&c, 1)));
    EXPECT_EQ(bytewise.received_count(), 2u);
}

TEST(HeaderScan, GivesUpBehindTheLimit) {
    const std::string filler(limits::header_section_scan_max, 'x');
    HeaderScan scan;
    scan.feed(as_bytes(filler));
    scan.feed(as_bytes("\r\nReceived: a\r\n"));
    EXPECT_TRUE(scan.done());
    EXPECT_EQ(scan.received_count(), 0u);
}

}  // namespace
}  // namespace ringmx::scan
