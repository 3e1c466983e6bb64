// What a plugin reads of a message: every field of the envelope, in place.
#include "storage/plugin/view.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "message/envelope.hpp"

namespace ringmx::storage::plugin {
namespace {

class Envelope {
 public:
    Envelope& add(EnvelopeField field, Bytes value) {
        octets_ += append_envelope_record(MutableBytes(memory_).subspan(octets_), field, value);
        return *this;
    }
    Envelope& add(EnvelopeField field, std::string_view text) { return add(field, as_bytes(text)); }
    template <typename T>
    Envelope& number(EnvelopeField field, T value) {
        return add(field, Bytes(reinterpret_cast<const std::byte*>(&value), sizeof value));
    }
    Envelope& client(const char* address, std::uint16_t port) {
        PeerAddress peer = Network::parse(address)->base;
        peer.port = port;
        std::byte encoded[20];
        encode_client(encoded, peer);
        return add(EnvelopeField::client, encoded);
    }
    Bytes bytes() const { return {memory_, octets_}; }

 private:
    std::byte memory_[4096]{};
    std::size_t octets_ = 0;
};

std::string_view text(const ringmx_bytes& bytes) {
    return {bytes.data, bytes.size};
}

const MessageId kId = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");

TEST(PluginView, ShowsEverythingOfTheEnvelope) {
    Envelope envelope;
    envelope.client("2001:db8::7", 40000)
        .add(EnvelopeField::client_name, "mail.example.org")
        .number(EnvelopeField::flags, std::uint32_t{envelope_flags::esmtp | envelope_flags::smtputf8})
        .number(EnvelopeField::received_us, std::int64_t{1700000000000001})
        .add(EnvelopeField::reverse_path, "alice@example.org")
        .number(EnvelopeField::declared_size, std::uint64_t{99})
        .add(EnvelopeField::envid, "QQ314159")
        .number(EnvelopeField::ret, std::uint8_t{2})
        .add(EnvelopeField::forward_path, "bob@example.com")
        .add(EnvelopeField::orcpt, "rfc822;bob+40example.com")
        .number(EnvelopeField::notify, std::uint8_t{notify_flags::failure | notify_flags::delay})
        .add(EnvelopeField::forward_path, "postmaster");
    const Bytes spans[] = {as_bytes("Received: x\r\n"), Bytes{}, as_bytes("body\r\n")};
    MessageView view;
    ASSERT_TRUE(view.build(kId, 77, envelope.bytes(), spans));
    const ringmx_message& message = view.message();
    EXPECT_EQ(message.size, sizeof message);
    EXPECT_EQ(message.flags, RINGMX_ESMTP | RINGMX_SMTPUTF8);
    EXPECT_EQ(std::memcmp(message.id, kId.bytes.data(), 16), 0);
    EXPECT_STREQ(message.id_text, "01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_EQ(message.token, 77u);
    EXPECT_EQ(message.received_us, 1700000000000001);
    EXPECT_EQ(message.client_address[0], 0x20);
    EXPECT_EQ(message.client_address[15], 7);
    EXPECT_EQ(message.client_port, 40000);
    EXPECT_EQ(message.ret, RINGMX_RET_HDRS);
    EXPECT_EQ(text(message.client_name), "mail.example.org");
    EXPECT_EQ(text(message.reverse_path), "alice@example.org");
    EXPECT_EQ(text(message.envid), "QQ314159");
    ASSERT_EQ(message.recipient_count, 2u);
    const ringmx_recipient& bob = *ringmx_recipient_at(&message, 0);
    EXPECT_EQ(text(bob.forward_path), "bob@example.com");
    EXPECT_EQ(text(bob.orcpt), "rfc822;bob+40example.com");
    EXPECT_EQ(bob.notify, RINGMX_NOTIFY_FAILURE | RINGMX_NOTIFY_DELAY);
    const ringmx_recipient& postmaster = *ringmx_recipient_at(&message, 1);
    EXPECT_EQ(text(postmaster.forward_path), "postmaster");
    EXPECT_EQ(postmaster.orcpt.size, 0u);
    EXPECT_EQ(postmaster.notify, 0u);
    ASSERT_EQ(message.span_count, 2u);  // the empty piece is left out
    EXPECT_EQ(message.spans[0].data, reinterpret_cast<const char*>(spans[0].data()));  // not a copy
    EXPECT_EQ(message.octets, spans[0].size() + spans[2].size());
}

TEST(PluginView, ShowsIpv4AsMapped) {
    Envelope envelope;
    envelope.client("192.0.2.1", 25).add(EnvelopeField::forward_path, "bob@example.com");
    MessageView view;
    ASSERT_TRUE(view.build(kId, 1, envelope.bytes(), {}));
    const std::uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    EXPECT_EQ(std::memcmp(view.message().client_address, expected, 16), 0);
    EXPECT_EQ(view.message().client_port, 25);
    EXPECT_EQ(view.message().span_count, 1u);  // at least one, though there is no content
}

TEST(PluginView, LeavesNothingOfTheMessageBefore) {
    Envelope rich;
    rich.add(EnvelopeField::envid, "Q")
        .add(EnvelopeField::forward_path, "a@example.com")
        .number(EnvelopeField::notify, std::uint8_t{1});
    Envelope plain;
    plain.add(EnvelopeField::forward_path, "b@example.com");
    MessageView view;
    ASSERT_TRUE(view.build(kId, 1, rich.bytes(), {}));
    ASSERT_TRUE(view.build(kId, 2, plain.bytes(), {}));
    EXPECT_EQ(view.message().envid.size, 0u);
    EXPECT_EQ(view.message().recipient_count, 1u);
    EXPECT_EQ(view.message().recipients[0].notify, 0u);
}

TEST(PluginView, RefusesWhatItCannotRead) {
    MessageView view;
    EXPECT_FALSE(view.build(kId, 1, Envelope().add(EnvelopeField::reverse_path, "a@b").bytes(), {}))
        << "no recipient";
    Envelope orphan;
    orphan.number(EnvelopeField::notify, std::uint8_t{1}).add(EnvelopeField::forward_path, "a@b");
    EXPECT_FALSE(view.build(kId, 1, orphan.bytes(), {})) << "NOTIFY of nobody";
    Envelope whole;
    whole.add(EnvelopeField::forward_path, "bob@example.com");
    EXPECT_FALSE(view.build(kId, 1, whole.bytes().first(whole.bytes().size() - 1), {})) << "cut";
    Envelope narrow;
    narrow.number(EnvelopeField::flags, std::uint8_t{1}).add(EnvelopeField::forward_path, "a@b");
    EXPECT_FALSE(view.build(kId, 1, narrow.bytes(), {})) << "flags of one octet";
}

TEST(PluginView, SkipsFieldsOfLaterVersions) {
    Envelope envelope;
    envelope.add(static_cast<EnvelopeField>(200), "?").add(EnvelopeField::forward_path, "a@b");
    MessageView view;
    EXPECT_TRUE(view.build(kId, 1, envelope.bytes(), {}));
}

}  // namespace
}  // namespace ringmx::storage::plugin
