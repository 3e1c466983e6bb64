// JSON that stays JSON whatever bytes a client sends.
#include "admin/json.hpp"

#include <gtest/gtest.h>

namespace ringmx::admin {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(JsonString, PlainTextIsQuoted) {
    EXPECT_EQ(escaped(""), "\"\"");
    EXPECT_EQ(escaped("user@example.com"), "\"user@example.com\"");
}

TEST(JsonString, QuotesBackslashesAndControlsAreEscaped) {
    EXPECT_EQ(escaped("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(escaped("\r\n\t"), R"("\r\n\t")");
    EXPECT_EQ(escaped(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
}

TEST(JsonString, WellFormedUtf8IsKept) {
    for (const char* text : {"m\xc3\xbcnchen", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xc2\x80", "\xe0\xa0\x80"}) {
        EXPECT_EQ(escaped(text), "\"" + std::string(text) + "\"");
    }
}

TEST(JsonString, IllFormedUtf8BecomesReplacementCharacters) {
    EXPECT_EQ(escaped("\xff"), R"("\ufffd")");
    EXPECT_EQ(escaped("a\x80z"), R"("a\ufffdz")");
    EXPECT_EQ(escaped("\xc3"), R"("\ufffd")");                                // cut
    EXPECT_EQ(escaped("\xe2\x82"), R"("\ufffd\ufffd")");                      // cut
    EXPECT_EQ(escaped("\xc3("), R"("\ufffd(")");                              // no continuation
    EXPECT_EQ(escaped("\xc0\xaf"), R"("\ufffd\ufffd")");                      // overlong
    EXPECT_EQ(escaped("\xe0\x9f\xbf"), R"("\ufffd\ufffd\ufffd")");            // overlong
    EXPECT_EQ(escaped("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // surrogate
    EXPECT_EQ(escaped("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
}

TEST(JsonString, NothingBehindTheEndOfTheTextIsRead) {
    const std::string_view euro = "\xe2\x82\xac";
    EXPECT_EQ(escaped(euro.substr(0, 2)), R"("\ufffd\ufffd")");
    EXPECT_EQ(escaped(euro.substr(0, 1)), R"("\ufffd")");
}

// Octets are looked at in groups: none may hide in one.
TEST(JsonString, EveryOctetIsSeenAtEveryPlace) {
    for (std::size_t length = 1; length <= 20; ++length) {
        for (std::size_t place = 0; place < length; ++place) {
            for (unsigned octet = 0; octet < 0x80; ++octet) {
                std::string text(length, 'x');
                text[place] = static_cast<char>(octet);
                const std::string alone = escaped(text.substr(place, 1));
                const std::string expected = "\"" + std::string(place, 'x') +
                                             alone.substr(1, alone.size() - 2) +
                                             std::string(length - place - 1, 'x') + "\"";
                ASSERT_EQ(escaped(text), expected);
                std::string member;
                JsonWriter(member).text("n", text);
                ASSERT_EQ(member, "\"n\":" + expected);
            }
        }
    }
}

TEST(JsonWriter, ObjectsAndArraysNest) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.text("a", "x");
    json.begin_array("b");
    json.element("1");
    json.element("2");
    json.end_array();
    json.begin_array("empty");
    json.end_array();
    json.begin_object("c");
    json.number("n", UINT64_MAX);
    json.boolean("t", true);
    json.end_object();
    json.raw("r", "{}");
    json.end_object();
    EXPECT_EQ(out, R"({"a":"x","b":["1","2"],"empty":[],"c":{"n":18446744073709551615,"t":true},"r":{}})");
}

TEST(JsonWriter, MicrosecondsBecomeMilliseconds) {
    std::string out;
    JsonWriter json(out);
    json.milliseconds("a", 0);
    json.milliseconds("b", 7);
    json.milliseconds("c", 1234567);
    json.milliseconds("d", -5);
    EXPECT_EQ(out, R"("a":0.000,"b":0.007,"c":1234.567,"d":0.000)");
}

TEST(TimeFormat, TimesAreRfc3339InUtc) {
    TimeFormat time;
    std::string out;
    time.append(out, 0);
    EXPECT_EQ(out, "1970-01-01T00:00:00.000000Z");
    out.clear();
    time.append(out, 951'827'696'000'042);  // in a leap day
    EXPECT_EQ(out, "2000-02-29T12:34:56.000042Z");
    out.clear();
    time.append(out, 951'827'696'999'999);  // the same second
    EXPECT_EQ(out, "2000-02-29T12:34:56.999999Z");
}

}  // namespace
}  // namespace ringmx::admin
