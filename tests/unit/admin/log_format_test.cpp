// Log records survive their binary form, and their lines say what docs/operations.md says.
#include "admin/log_format.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "message/envelope.hpp"

namespace ringmx::admin {
namespace {

PeerAddress test_peer() {
    PeerAddress peer;
    peer.family = PeerAddress::Family::ipv4;
    peer.port = 4321;
    peer.bytes = {192, 0, 2, 1};
    return peer;
}

class TestEnvelope {
 public:
    TestEnvelope& add(EnvelopeField field, std::string_view value) {
        std::vector<std::byte> room(value.size() + kEnvelopeRecordHeader);
        const std::size_t octets = append_envelope_record(room, field, as_bytes(value));
        bytes_.insert(bytes_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(octets));
        return *this;
    }
    TestEnvelope& add_flags(std::uint32_t flags) {
        return add(EnvelopeField::flags, {reinterpret_cast<const char*>(&flags), sizeof flags});
    }
    Bytes bytes() const { return bytes_; }

 private:
    std::vector<std::byte> bytes_;
};

TransactionRecord test_record(const TestEnvelope& envelope) {
    TransactionRecord record;
    record.wall_us = 951'827'696'000'042;
    record.core = 3;
    record.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
    record.peer = test_peer();
    record.envelope = envelope.bytes();
    record.recipients = 2;
    record.message_bytes = 12345;
    record.reply = {250, {2, 6, 0}, "stored"};
    record.end = TransactionEnd::stored;
    record.backend = "spool";
    record.durability = "machine";
    record.receive_us = 1500;
    record.store_us = 250;
    record.total_us = 1750;
    return record;
}

// The line of a record that has been through the ring's form.
template <typename Record>
std::string line_of(const Record& record) {
    std::vector<std::byte> room(encoded_bytes(record));
    EXPECT_LE(room.size(), kLogRecordBytesMax);
    encode(record, room.data());
    std::string out;
    LogFormat format;
    std::visit([&](const auto& decoded) { format.append(out, decoded); }, decode(room));
    return out;
}

TEST(LogLine, StoredMessageHasEveryFact) {
    TestEnvelope envelope;
    envelope.add(EnvelopeField::client_name, "client.example").add_flags(envelope_flags::esmtp);
    envelope.add(EnvelopeField::reverse_path, "a@client.example");
    envelope.add(EnvelopeField::forward_path, "b@example.com")
        .add(EnvelopeField::forward_path, "c@example.com");
    EXPECT_EQ(
        line_of(test_record(envelope)),
        "{\"time\":\"2000-02-29T12:34:56.000042Z\",\"level\":\"info\",\"event\":\"message\","
        "\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"core\":3,\"peer\":\"192.0.2.1\",\"port\":4321,"
        "\"helo\":\"client.example\",\"esmtp\":true,\"from\":\"a@client.example\","
        "\"to\":[\"b@example.com\",\"c@example.com\"],\"recipients\":2,\"size\":12345,\"code\":250,"
        "\"status\":\"2.6.0\",\"reply\":\"stored\",\"backend\":\"spool\",\"durability\":\"machine\","
        "\"receive_ms\":1.500,\"store_ms\":0.250,\"total_ms\":1.750}\n");
}

TEST(LogLine, TlsIsNamedWithVersionAndCipher) {
    TestEnvelope envelope;
    envelope.add_flags(envelope_flags::esmtp | envelope_flags::tls | envelope_flags::requiretls);
    envelope.add(EnvelopeField::tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
    const std::string line = line_of(test_record(envelope));
    EXPECT_NE(line.find("\"esmtp\":true,\"tls\":true,\"requiretls\":true,\"tls_version\":\"TLSv1.3\","
                        "\"tls_cipher\":\"TLS_AES_256_GCM_SHA384\""),
              std::string::npos)
        << line;
}

TEST(LogLine, TheClientsCertificateIsNamedAndWhetherItWasVerified) {
    std::string shown(32, '\xab');
    shown += "CN=mx.client.test";
    TestEnvelope envelope;
    envelope.add_flags(envelope_flags::tls | envelope_flags::tls_client_verified);
    envelope.add(EnvelopeField::tls_client, shown);
    std::string digest;
    for (int i = 0; i < 32; ++i)
        digest += "ab";
    const std::string named = "\"tls_client\":\"CN=mx.client.test\",\"tls_client_sha256\":\"" + digest + "\"";
    std::string line = line_of(test_record(envelope));
    EXPECT_NE(line.find("\"tls\":true,\"tls_client_verified\":true," + named), std::string::npos) << line;
    EXPECT_EQ(line.find("tls_client_problem"), std::string::npos) << line;

    TestEnvelope other;
    other.add_flags(envelope_flags::tls);
    other.add(EnvelopeField::tls_client, shown);
    other.add(EnvelopeField::tls_client_problem, "certificate has expired");
    line = line_of(test_record(other));
    EXPECT_NE(line.find(named + ",\"tls_client_problem\":\"certificate has expired\""), std::string::npos)
        << line;
    EXPECT_EQ(line.find("tls_client_verified"), std::string::npos) << line;
}

TEST(LogLine, WhoStandsInFrontIsNamedBesideTheClient) {
    TestEnvelope envelope;
    envelope.add_flags(envelope_flags::esmtp | envelope_flags::tls | envelope_flags::tls_at_proxy);
    TransactionRecord record = test_record(envelope);
    record.via = record.peer;
    record.via.bytes = {10, 0, 0, 1};
    record.via.port = 99;
    const std::string line = line_of(record);
    EXPECT_NE(line.find("\"port\":4321,\"via\":\"10.0.0.1\",\"via_port\":99,"), std::string::npos) << line;
    EXPECT_NE(line.find("\"tls\":true,\"tls_at_proxy\":true"), std::string::npos) << line;
    EventRecord event;
    event.event = "violation";
    event.peer = record.peer;
    event.via = record.via;
    EXPECT_NE(line_of(event).find("\"via\":\"10.0.0.1\",\"via_port\":99"), std::string::npos);
}

TEST(LogLine, RefusedTransactionIsNamedSo) {
    TransactionRecord record = test_record({});
    record.end = TransactionEnd::refused;
    record.reply = {452, {4, 3, 1}, "no space"};
    const std::string line = line_of(record);
    EXPECT_NE(line.find("\"event\":\"refused\""), std::string::npos) << line;
    EXPECT_NE(line.find("\"code\":452,\"status\":\"4.3.1\",\"reply\":\"no space\""), std::string::npos)
        << line;
}

TEST(LogLine, OnlyTheFirstRecipientsAreShown) {
    TestEnvelope envelope;
    for (char c = 'a'; c < 'z'; ++c)
        envelope.add(EnvelopeField::forward_path, std::string(1, c) + "@x");
    EXPECT_NE(line_of(test_record(envelope)).find("\"to\":[\"a@x\",\"b@x\",\"c@x\",\"d@x\"],"),
              std::string::npos);
}

TEST(LogLine, LongEnvelopeIsCutBetweenItsRecords) {
    TestEnvelope envelope;
    envelope.add(EnvelopeField::reverse_path, "from@x");
    envelope.add(EnvelopeField::forward_path, std::string(900, 'a'));
    envelope.add(EnvelopeField::forward_path, std::string(900, 'b'));
    envelope.add(EnvelopeField::forward_path, std::string(900, 'c'));
    const std::string line = line_of(test_record(envelope));
    EXPECT_NE(line.find("\"from\":\"from@x\""), std::string::npos);
    EXPECT_NE(line.find(std::string(900, 'b')), std::string::npos);
    EXPECT_EQ(line.find("ccc"), std::string::npos);
    EXPECT_EQ(line.back(), '\n');
}

TEST(LogLine, LargestRecordFitsItsBound) {
    const std::string huge(100000, 'x');
    TransactionRecord record = test_record({});
    record.envelope = as_bytes(huge);
    record.reply.text = huge;
    record.backend = huge;
    record.durability = huge;
    EXPECT_LE(encoded_bytes(record), kLogRecordBytesMax);
    EXPECT_NE(line_of(record).find("\"reply\":\"" + std::string(kLogTextBytesMax, 'x') + "\""),
              std::string::npos);
    EventRecord event;
    event.event = event.text = event.detail = event.reply.text = huge;
    EXPECT_LE(encoded_bytes(event), kLogRecordBytesMax);
}

TEST(LogLine, HostileBytesDoNotBreakTheLine) {
    TestEnvelope envelope;
    envelope.add(EnvelopeField::reverse_path, "\"},\n{\"x\xff");
    const std::string line = line_of(test_record(envelope));
    EXPECT_NE(line.find(R"("from":"\"},\n{\"x\ufffd")"), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(LogLine, EventHasPeerDetailAndReply) {
    EventRecord event;
    event.wall_us = 1;
    event.core = 1;
    event.level = LogLevel::warning;
    event.event = "violation";
    event.detail = "line-too-long";
    event.peer = test_peer();
    event.reply = {500, {5, 5, 2}, "line too long"};
    EXPECT_EQ(
        line_of(event),
        "{\"time\":\"1970-01-01T00:00:00.000001Z\",\"level\":\"warning\",\"event\":\"violation\",\"core\":1,"
        "\"peer\":\"192.0.2.1\",\"port\":4321,\"detail\":\"line-too-long\",\"code\":500,\"status\":\"5.5.2\","
        "\"reply\":\"line too long\"}\n");
}

}  // namespace
}  // namespace ringmx::admin
