#include <algorithm>

#include <gtest/gtest.h>

#include "http/answer.hpp"
#include "http/envelope_headers.hpp"
#include "test_message.hpp"

namespace ringmx::http {
namespace {

using backends::TestMessage;

TEST(EnvelopeHeaders, EncodeLeavesNothingWithAMeaningOfItsOwn) {
    EXPECT_EQ(encode("user+tag=x'!#$&*-/?^_`{|}~.@example.com"), "user+tag=x'!#$&*-/?^_`{|}~.@example.com");
    EXPECT_EQ(encode("a\r\nX-Evil: 1"), "a%0D%0AX-Evil:%201");
    EXPECT_EQ(encode("%,;\"\\<>"), "%25%2C%3B%22%5C%3C%3E");
    EXPECT_EQ(encode("gr\xc3\xbc\x7f\x01"), "gr%C3%BC%7F%01");
}

TEST(EnvelopeHeaders, NoEnvelopeAddsALine) {
    const std::string evil = "a\r\nX-Evil: 1\r\n\r\n@x";
    TestMessage message({{evil, RINGMX_NOTIFY_NEVER, evil}}, {"\r\n"});
    message.set_from(evil);
    message.raw.client_name = {evil.data(), evil.size()};
    message.raw.envid = {evil.data(), evil.size()};
    for (const std::string& field : envelope_headers(message.view())) {
        EXPECT_TRUE(std::all_of(field.begin(), field.end(), [](char c) { return c >= ' ' && c <= '~'; }))
            << field;
        EXPECT_FALSE(field.starts_with("X-Evil"));
    }
}

TEST(EnvelopeHeaders, NameEveryRecipientInOrder) {
    TestMessage message(
        {{"a@x"}, {"b@x", RINGMX_NOTIFY_FAILURE | RINGMX_NOTIFY_SUCCESS}, {"a@x", 0, "rfc822;o"}}, {"\r\n"});
    message.set_from("");
    std::vector<std::string> found;
    for (const std::string& field : envelope_headers(message.view())) {
        if (field.starts_with("X-Ringmx-Rcpt") || field.starts_with("X-Ringmx-Mail-From"))
            found.push_back(field);
    }
    EXPECT_EQ(found, (std::vector<std::string>{"X-Ringmx-Mail-From: <>", "X-Ringmx-Rcpt-To: a@x",
                                               "X-Ringmx-Rcpt-To: b@x", "X-Ringmx-Rcpt-To: a@x",
                                               "X-Ringmx-Rcpt-Dsn: 2; notify=SUCCESS FAILURE",
                                               "X-Ringmx-Rcpt-Dsn: 3; orcpt=rfc822%3Bo"}));
}

TEST(EnvelopeHeaders, TimeAndAddress) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(rfc3339(1795641206000123), "2026-11-25T21:13:26.000123Z");
    const TestMessage message({{"a@x"}}, {"\r\n"});
    const auto fields = envelope_headers(message.view());
    EXPECT_NE(std::find(fields.begin(), fields.end(), "X-Ringmx-Client-Address: 192.0.0.7"), fields.end());
}

TEST(EnvelopeHeaders, ExtraFieldsAreCheckedAndCannotReplaceOurs) {
    for (const char* good : {"X-Site: here", "Accept:*/*", "x_1: \xc3\xbc"})
        EXPECT_TRUE(is_extra_header(good)) << good;
    for (const char* bad :
         {"", ":", "X-A", "X-A:", "X-A:  ", "X A: 1", "X-A: 1\r\nX-B: 2", "x-ringmx-id: 1", "HOST: x",
          "content-type: text/plain", "Content-Length: 0", "Transfer-Encoding: chunked", ": x"})
        EXPECT_FALSE(is_extra_header(bad)) << bad;
}

TEST(AnswerRules, SayWhatAStatusMeans) {
    AnswerRules rules;
    for (const long status : {200L, 201L, 204L, 299L})
        EXPECT_EQ(rules.of(status), RINGMX_STORED);
    for (const long status : {0L, 100L, 301L, 400L, 404L, 422L, 500L, 503L, 600L})
        EXPECT_EQ(rules.of(status), RINGMX_RETRY) << status;
    rules.reject_4xx = true;
    EXPECT_EQ(rules.of(422), RINGMX_REJECT);
    for (const long status : {401L, 403L, 404L, 407L, 408L, 421L, 425L, 429L, 500L, 302L})
        EXPECT_EQ(rules.of(status), RINGMX_RETRY) << status;
    rules.retry_on = {422};
    rules.reject_on = {401, 501};
    EXPECT_EQ(rules.of(422), RINGMX_RETRY);
    EXPECT_EQ(rules.of(401), RINGMX_REJECT);
    EXPECT_EQ(rules.of(501), RINGMX_REJECT);
}

}  // namespace
}  // namespace ringmx::http
