// Stored messages in words: JSON, table, "From " line.
#include "message_view.hpp"

#include <gtest/gtest.h>

#include "base/peer.hpp"
#include "message/envelope.hpp"

namespace ringmx::ctl {
namespace {

using storage::spool::StoredMessage;

constexpr std::int64_t kReceivedUs = 1'795'449'930'000'001;  // 2026-11-23 16:05:30

class Builder {
 public:
    Builder() {
        message_.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
        message_.cursor = {3, 0x1a7, 0x8000};
        message_.trace_bytes = 100;
        message_.body_bytes = 900;
    }
    Builder& add(EnvelopeField field, std::string_view value) {
        std::vector<std::byte> room(value.size() + kEnvelopeRecordHeader);
        EXPECT_EQ(append_envelope_record(room, field, as_bytes(value)), room.size());
        message_.envelope.insert(message_.envelope.end(), room.begin(), room.end());
        return *this;
    }
    template <typename T>
    Builder& add_number(EnvelopeField field, T value) {
        return add(field, {reinterpret_cast<const char*>(&value), sizeof value});
    }
    Builder& add_client() {
        PeerAddress peer;
        peer.family = PeerAddress::Family::ipv4;
        peer.port = 4321;
        peer.bytes = {192, 0, 2, 1};
        std::array<std::byte, 20> value;
        encode_client(value, peer);
        return add(EnvelopeField::client, as_text(value));
    }
    const StoredMessage& message() const { return message_; }

 private:
    StoredMessage message_;
};

Builder simple(std::string_view from) {
    Builder builder;
    builder.add_number(EnvelopeField::received_us, kReceivedUs).add(EnvelopeField::reverse_path, from);
    return builder;
}

std::string envelope_json(const StoredMessage& message) {
    std::string out;
    append_envelope_json(out, message);
    return out;
}

TEST(Listing, JsonHasWhatScriptsNeed) {
    Builder builder = simple("a@b");
    builder.add(EnvelopeField::forward_path, "c@d").add(EnvelopeField::forward_path, "\"e\"@f");
    std::string out;
    append_listing_json(out, builder.message());
    EXPECT_EQ(
        out,
        "{\"cursor\":\"" + builder.message().cursor.text() +
            "\",\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"time\":\"2026-11-23T16:05:30.000001Z\","
            "\"size\":1000,\"from\":\"a@b\",\"recipients\":[\"c@d\",\"\\\"e\\\"@f\"]}\n");
}

TEST(Listing, LineHasColumnsUnderTheHead) {
    Builder builder = simple("a@b");
    builder.add(EnvelopeField::forward_path, "c@d").add(EnvelopeField::forward_path, "e@f");
    std::string line;
    append_listing_line(line, builder.message());
    const std::string head(listing_head());
    EXPECT_EQ(line.find("01890a5d"), head.find("ID"));
    EXPECT_EQ(line.find("2026-11-23 16:05:30"), head.find("TIME"));
    EXPECT_EQ(line.find("1000") + 4, head.find("SIZE") + 4);
    EXPECT_EQ(line.find("<a@b>"), head.find("FROM"));
    EXPECT_EQ(line.find("c@d +1"), head.find("RECIPIENTS"));
}

TEST(Listing, ControlCharactersDoNotReachTheTerminal) {
    Builder builder = simple("\x1b[2J\r@b");
    builder.add(EnvelopeField::forward_path, "c\n@d");
    std::string line;
    append_listing_line(line, builder.message());
    EXPECT_NE(line.find("<?[2J?@b>"), std::string::npos);
    EXPECT_NE(line.find("c?@d"), std::string::npos);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(Envelope, EveryFieldIsShown) {
    Builder builder;
    builder.add_client().add(EnvelopeField::client_name, "client.example");
    builder.add_number(EnvelopeField::flags,
                       envelope_flags::esmtp | envelope_flags::smtputf8 | envelope_flags::body_8bit);
    builder.add_number(EnvelopeField::received_us, kReceivedUs).add(EnvelopeField::reverse_path, "a@b");
    builder.add_number(EnvelopeField::declared_size, std::uint64_t{950});
    builder.add(EnvelopeField::envid, "id+20x").add_number(EnvelopeField::ret, std::uint8_t{2});
    builder.add(EnvelopeField::forward_path, "c@d").add(EnvelopeField::orcpt, "rfc822;x@y");
    builder.add_number(EnvelopeField::notify,
                       static_cast<std::uint8_t>(notify_flags::success | notify_flags::delay));
    builder.add(EnvelopeField::forward_path, "e@f");
    EXPECT_EQ(
        envelope_json(builder.message()),
        "{\"cursor\":\"" + builder.message().cursor.text() +
            "\",\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"time\":\"2026-11-23T16:05:30.000001Z\","
            "\"size\":1000,\"trace_size\":100,\"peer\":\"192.0.2.1\",\"port\":4321,\"helo\":\"client."
            "example\","
            "\"esmtp\":true,\"smtputf8\":true,\"tls\":false,\"body\":\"8BITMIME\",\"declared_size\":950,"
            "\"from\":\"a@b\",\"envid\":\"id+20x\",\"ret\":\"HDRS\",\"recipients\":[{\"to\":\"c@d\","
            "\"orcpt\":\"rfc822;x@y\",\"notify\":\"SUCCESS,DELAY\"},{\"to\":\"e@f\"}],\"acknowledged\":false}"
            "\n");
}

TEST(Envelope, BinaryBodyIsNamed) {
    Builder builder;
    builder.add_number(EnvelopeField::flags, envelope_flags::body_binary);
    EXPECT_NE(envelope_json(builder.message()).find("\"body\":\"BINARYMIME\""), std::string::npos);
}

TEST(Envelope, TheClientsCertificateIsShown) {
    Builder builder;
    builder.add_number(EnvelopeField::flags, envelope_flags::tls | envelope_flags::tls_client_verified);
    builder.add(EnvelopeField::tls_client, std::string(32, '\x0f') + "CN=client.test");
    const std::string json = envelope_json(builder.message());
    EXPECT_NE(
        json.find(
            "\"tls_client_verified\":true,\"tls_client\":\"CN=client.test\",\"tls_client_sha256\":\"0f0f"),
        std::string::npos)
        << json;
    Builder other;
    other.add_number(EnvelopeField::flags, envelope_flags::tls);
    other.add(EnvelopeField::tls_client, std::string(32, '\x0f'));
    other.add(EnvelopeField::tls_client_problem, "certificate has expired");
    const std::string unverified = envelope_json(other.message());
    EXPECT_NE(unverified.find("\"tls_client_problem\":\"certificate has expired\""), std::string::npos)
        << unverified;
    EXPECT_EQ(unverified.find("tls_client_verified"), std::string::npos) << unverified;
}

TEST(Envelope, EmptyEnvelopeShowsTheTimeOfTheId) {
    const Builder builder;
    EXPECT_EQ(EnvelopeView(builder.message()).received_us, builder.message().id.unix_ms() * 1000);
}

TEST(FromLine, HasSenderAndTimeInUtc) {
    EXPECT_EQ(mbox_from_line(simple("a@b").message()), "From a@b Mon Nov 23 16:05:30 2026\n");
    EXPECT_EQ(mbox_from_line(simple("").message()), "From MAILER-DAEMON Mon Nov 23 16:05:30 2026\n");
}

TEST(FromLine, SenderIsOneWord) {
    EXPECT_EQ(mbox_from_line(simple("\"a b\"@c").message()), "From \"a?b\"@c Mon Nov 23 16:05:30 2026\n");
    EXPECT_EQ(mbox_from_line(simple("a\n@c").message()), "From a?@c Mon Nov 23 16:05:30 2026\n");
}

TEST(MessageView, ADeadLetterSaysWhenAndWhy) {
    Builder builder;
    builder.add(EnvelopeField::reverse_path, "a@b.example")
        .add(EnvelopeField::forward_path, "c@d.example")
        .add_number(EnvelopeField::dead_us, kReceivedUs)
        .add_number(EnvelopeField::dead_attempts, std::uint32_t{3})
        .add(EnvelopeField::dead_reason, "no such\x01user");
    const StoredMessage& message = builder.message();
    const std::string death =
        R"("dead":{"time":"2026-11-23T16:05:30.000001Z","attempts":3,"reason":"no such\u0001user"})";
    std::string json;
    append_listing_json(json, message);
    EXPECT_NE(json.find(death), std::string::npos) << json;
    json.clear();
    append_envelope_json(json, message);
    EXPECT_NE(json.find(death), std::string::npos) << json;
    std::string line;
    append_listing_line(line, message);
    EXPECT_NE(line.find("c@d.example  (no such?user)"), std::string::npos) << line;
}

}  // namespace
}  // namespace ringmx::ctl
