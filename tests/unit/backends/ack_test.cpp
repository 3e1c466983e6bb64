#include "jetstream/ack.hpp"

#include <gtest/gtest.h>

namespace ringmx::jetstream {
namespace {

TEST(Ack, PositiveOnlyFromTheStreamItself) {
    EXPECT_EQ(parse_ack(R"({"stream":"MAIL","seq":7})", "MAIL").answer, Answer::stored);
    EXPECT_FALSE(parse_ack(R"({"stream":"MAIL","seq":7})", "MAIL").duplicate);
    EXPECT_TRUE(parse_ack(R"({"stream":"MAIL","domain":"x","seq":7,"duplicate": true})", "MAIL").duplicate);
    EXPECT_EQ(parse_ack(R"({"stream":"OTHER","seq":7})", "MAIL").answer, Answer::failed);
}

TEST(Ack, ErrorsAreFailuresWithTheirText) {
    const Ack full = parse_ack(
        R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"MAIL","seq":0})",
        "MAIL");
    EXPECT_EQ(full.answer, Answer::failed);
    EXPECT_EQ(full.text, "maximum bytes exceeded (10077)");
    EXPECT_EQ(parse_ack(R"({"error":{"err_code":10008,"description":"x"}})", "MAIL").answer, Answer::again);
    EXPECT_EQ(parse_ack(R"({"error":7,"stream":"MAIL","seq":1})", "MAIL").answer, Answer::failed);
}

TEST(Ack, DuplicateOfARecordThatIsNotYetStoredIsNoAcknowledgement) {
    EXPECT_EQ(parse_ack(R"({"stream":"MAIL","seq":0,"duplicate": true})", "MAIL").answer, Answer::again);
    EXPECT_EQ(parse_ack(R"({"stream":"MAIL","seq":0})", "MAIL").answer, Answer::again);
    EXPECT_EQ(parse_ack(R"({"error":{"err_code":10158,"description":"x"}})", "MAIL").answer, Answer::again);
}

TEST(Ack, AnythingElseIsAFailure) {
    for (const char* text :
         {"", "{}", "[]", "7", "{\"stream\":\"MAIL\"}", "{\"stream\":\"MAIL\",\"seq\":\"7\"}",
          "{\"stream\":7,\"seq\":7}", "{\"stream\":\"MAIL\",\"seq\":-1}", "{\"stream\":\"MAIL\",\"se"})
        EXPECT_EQ(parse_ack(text, "MAIL").answer, Answer::failed) << text;
}

}  // namespace
}  // namespace ringmx::jetstream
