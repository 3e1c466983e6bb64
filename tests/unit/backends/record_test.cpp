#include "records/record.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "records/crc32c.hpp"
#include "records/envelope_headers.hpp"
#include "sample_message.hpp"

namespace ringmx::records {
namespace {

using testing::noise;
using testing::SampleMessage;

constexpr std::uint64_t small_record = headers_octets_max + 1000;

std::string value_of(const Headers& headers, std::string_view name) {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return "(none)";
}

Plan plan_of(const SampleMessage& message, const char* destination, std::uint64_t record_octets) {
    std::string why;
    auto made = plan(message.view(), Destination("subject", destination, 200), record_octets, why);
    EXPECT_TRUE(made) << why;
    return *made;
}

TEST(Record, ChunksMakeTheContent) {
    for (const std::size_t octets : {0u, 1u, 999u, 1000u, 1001u, 1999u, 2000u, 2001u, 12345u}) {
        const SampleMessage message(7, noise(1, octets), {"a@example.com"}, 333);
        const Plan plan = plan_of(message, "mail", small_record);
        EXPECT_EQ(plan.chunks, octets <= 1000 ? 1 : (octets + 999) / 1000);
        std::string content, scratch;
        for (std::size_t i = 0; i < plan.records(); ++i) {
            const Record record = record_at(plan, i);
            EXPECT_EQ(record.offset, content.size());
            content += content_piece(message.view(), record.offset, record.octets, scratch);
        }
        EXPECT_EQ(content, message.content());
        EXPECT_EQ(plan.crc32c, crc32c(0, content));
    }
}

TEST(Record, PieceWithinOneSpanIsNotCopied) {
    const SampleMessage message(7, noise(1, 3000), {"a@example.com"}, 1000);
    std::string scratch;
    EXPECT_EQ(content_piece(message.view(), 1000, 1000, scratch).data(), message.content().data() + 1000);
    EXPECT_EQ(content_piece(message.view(), 999, 2, scratch), message.content().substr(999, 2));
    EXPECT_EQ(content_piece(message.view(), 3000, 0, scratch), "");
}

TEST(Record, IdsAreTheSameEveryTimeAndDifferFromEachOther) {
    const SampleMessage message(7, noise(1, 5000), {"a@one.example", "b@two.example"});
    const Plan first = plan_of(message, "mail.{domain}", small_record);
    const Plan second = plan_of(message, "mail.{domain}", small_record);
    std::map<std::string, int> ids;
    for (std::size_t i = 0; i < first.records(); ++i) {
        EXPECT_EQ(record_id(first, record_at(first, i)), record_id(second, record_at(second, i)));
        ++ids[record_id(first, record_at(first, i))];
    }
    EXPECT_EQ(ids.size(), 10u);
    EXPECT_EQ(ids.begin()->first, "00000000000000000000000000000007/mail.one_example:1000:1");
    // Chunks of another size are other records: they must not complete each other.
    const Plan larger = plan_of(message, "mail.{domain}", small_record + 1);
    EXPECT_NE(record_id(first, record_at(first, 0)), record_id(larger, record_at(larger, 0)));
}

TEST(Record, MessageOfOneRecordHasItsOwnId) {
    const SampleMessage message(7, "x", {"a@example.com", "b@example.com"});
    const Plan plan = plan_of(message, "mail.{domain}", small_record);
    ASSERT_EQ(plan.records(), 1u);
    EXPECT_EQ(record_id(plan, record_at(plan, 0)), "00000000000000000000000000000007");
    EXPECT_EQ(value_of(record_headers(plan, record_at(plan, 0)), header_chunk), "(none)");
}

TEST(Record, EnvelopeIsInTheFirstChunkOnly) {
    const SampleMessage message(7, noise(1, 2500), {"a@example.com"});
    const Plan plan = plan_of(message, "mail", small_record);
    const Headers first = record_headers(plan, record_at(plan, 0));
    const Headers last = record_headers(plan, record_at(plan, 2));
    EXPECT_EQ(value_of(first, header_rcpt_to), "<a@example.com>");
    EXPECT_EQ(value_of(first, header_mail_from), "<sender@client.test>");
    EXPECT_EQ(value_of(first, header_client), "127.0.0.1:0");
    EXPECT_EQ(value_of(first, header_chunk), "1/3");
    EXPECT_EQ(value_of(last, header_rcpt_to), "(none)");
    EXPECT_EQ(value_of(last, header_chunk), "3/3");
    EXPECT_EQ(value_of(last, header_chunk_octets), "1000");
    EXPECT_EQ(value_of(last, header_octets), "2500");
    EXPECT_EQ(value_of(last, header_crc32c), value_of(first, header_crc32c));
}

// Whatever an envelope holds, a header's value is visible ASCII in words: no line end gets in.
TEST(Record, HeaderValuesHoldNoControlCharacter) {
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    SampleMessage message(7, "x", {all, "u@" + all});
    message.raw().reverse_path = {all.data(), all.size()};
    message.raw().client_name = {all.data(), all.size()};
    message.raw().envid = {all.data(), all.size()};
    const Plan plan = plan_of(message, "mail", small_record);
    for (const auto& [name, value] : record_headers(plan, record_at(plan, 0))) {
        for (const char c : value)
            EXPECT_TRUE(c >= 0x20 && c < 0x7f) << name;
    }
    EXPECT_EQ(percent_encode("a%<b>\r\n\x7f\xc3"), "a%25%3Cb%3E%0D%0A%7F%C3");
}

TEST(Record, ManyRecipientsAreSeveralUnitsThatFit) {
    std::vector<std::string> recipients;
    for (int i = 0; i < 3000; ++i)
        recipients.push_back("user" + std::to_string(i) + "@" + (i % 2 == 0 ? "one" : "two") + ".example");
    const SampleMessage message(7, "x", recipients);
    const Plan plan = plan_of(message, "mail.{domain}", small_record);
    std::map<std::string, int> ids;
    std::size_t found = 0;
    for (const Unit& unit : plan.units) {
        ++ids[unit.id];
        std::size_t octets = 0;
        for (const auto& [name, value] : unit.envelope) {
            octets += name.size() + value.size() + 4;
            found += name == header_rcpt_to ? 1 : 0;
        }
        EXPECT_LT(octets, headers_octets_max - 1024);
    }
    EXPECT_EQ(found, recipients.size());
    EXPECT_EQ(ids.size(), plan.units.size());
    EXPECT_GT(plan.units.size(), 2u);
}

TEST(Record, EnvelopeThatCannotFitIsRefused) {
    const std::string huge(70000, 'a');
    SampleMessage message(7, "x", {"a@example.com"});
    message.raw().reverse_path = {huge.data(), huge.size()};
    std::string why;
    EXPECT_FALSE(plan(message.view(), Destination("subject", "mail", 200), small_record, why));
    EXPECT_NE(why, "");
}

}  // namespace
}  // namespace ringmx::records
