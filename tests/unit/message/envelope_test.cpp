// The envelope's records: what is written is read, and nothing malformed is believed.
#include "message/envelope.hpp"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx {
namespace {

class Records {
 public:
    Records& add(EnvelopeField field, std::string_view value) {
        std::array<std::byte, 70000> room;
        const std::size_t size = append_envelope_record(room, field, as_bytes(value));
        EXPECT_GT(size, 0u);
        bytes_.insert(bytes_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
        return *this;
    }
    Records& raw(std::initializer_list<int> octets) {
        for (const int octet : octets)
            bytes_.push_back(static_cast<std::byte>(octet));
        return *this;
    }
    Bytes bytes() const { return bytes_; }
    std::vector<std::byte>& storage() { return bytes_; }

 private:
    std::vector<std::byte> bytes_;
};

// "type=value;..." of everything the reader gives, and "!" behind it if it found the input malformed.
std::string read_all(Bytes bytes) {
    std::string out;
    EnvelopeReader reader(bytes);
    while (const auto record = reader.next()) {
        out +=
            std::to_string(static_cast<int>(record->field)) + "=" + std::string(as_text(record->value)) + ";";
    }
    if (reader.malformed()) out += "!";
    EXPECT_FALSE(reader.next().has_value());
    return out;
}

TEST(Envelope, RecordHasTheDocumentedOctets) {
    Records records;
    records.add(EnvelopeField::forward_path, "a@b");
    const std::vector<std::byte> expected{std::byte{9},   std::byte{0},   std::byte{3},  std::byte{0},
                                          std::byte{'a'}, std::byte{'@'}, std::byte{'b'}};
    EXPECT_EQ(records.storage(), expected);
}

TEST(Envelope, RecordsAreReadInOrder) {
    Records records;
    records.add(EnvelopeField::reverse_path, "")
        .add(EnvelopeField::forward_path, "a@b")
        .add(EnvelopeField::orcpt, "rfc822;a+40b")
        .add(EnvelopeField::forward_path, "c@d");
    EXPECT_EQ(read_all(records.bytes()), "5=;9=a@b;10=rfc822;a+40b;9=c@d;");
    EXPECT_EQ(as_text(*find_envelope_field(records.bytes(), EnvelopeField::forward_path)), "a@b");
    EXPECT_TRUE(find_envelope_field(records.bytes(), EnvelopeField::reverse_path)->empty());
    EXPECT_FALSE(find_envelope_field(records.bytes(), EnvelopeField::envid).has_value());
}

TEST(Envelope, EmptyInputIsAnEnvelopeWithoutRecords) {
    EXPECT_EQ(read_all({}), "");
}

TEST(Envelope, RecordIsWrittenWholeOrNotAtAll) {
    std::array<std::byte, 8> room{};
    EXPECT_EQ(append_envelope_record(room, EnvelopeField::envid, as_bytes("12345")), 0u);
    EXPECT_EQ(room, (std::array<std::byte, 8>{}));
    EXPECT_EQ(append_envelope_record(room, EnvelopeField::envid, as_bytes("1234")), 8u);
    EXPECT_EQ(append_envelope_record({}, EnvelopeField::envid, {}), 0u);
}

TEST(Envelope, LongestValueIs65535Octets) {
    std::vector<std::byte> room(70000);
    const std::string value(65535, 'x');
    EXPECT_EQ(append_envelope_record(room, EnvelopeField::envid, as_bytes(value)), 65539u);
    EXPECT_EQ(as_text(*find_envelope_field(room, EnvelopeField::envid)), value);
    EXPECT_EQ(append_envelope_record(room, EnvelopeField::envid, as_bytes(value + "x")), 0u);
}

TEST(Envelope, UnknownTypesAreSkipped) {
    Records records;
    records.add(EnvelopeField::reverse_path, "a").raw({100, 0, 1, 0, 'x', 255, 0, 0, 0});
    records.add(EnvelopeField::envid, "b");
    EXPECT_EQ(read_all(records.bytes()), "5=a;7=b;");
}

TEST(Envelope, MalformedInputEndsTheRecords) {
    EXPECT_EQ(read_all(Records().add(EnvelopeField::envid, "a").raw({9}).bytes()), "7=a;!")
        << "half a header";
    EXPECT_EQ(read_all(Records().add(EnvelopeField::envid, "a").raw({9, 0, 2, 0, 'x'}).bytes()), "7=a;!")
        << "a value that is cut off";
    EXPECT_EQ(read_all(Records().raw({9, 0, 255, 255}).bytes()), "!") << "a length beyond the end";
    EXPECT_EQ(read_all(Records().raw({9, 1, 0, 0}).bytes()), "!") << "the zero is not zero";
    EXPECT_EQ(read_all(Records().raw({0, 0, 0, 0}).bytes()), "!") << "zeroed memory";
}

// Mutated and cut envelopes never lead outside the input (AddressSanitizer watches) and never loop.
TEST(Envelope, MutatedInputIsReadWithinItsBounds) {
    Records good;
    for (int i = 0; i < 20; ++i)
        good.add(static_cast<EnvelopeField>(1 + i % 11), std::string(i * 3 % 17, 'v'));
    std::mt19937 random(7);
    for (int round = 0; round < 200'000; ++round) {
        const std::size_t size = random() % (good.bytes().size() + 1);
        const std::unique_ptr<std::byte[]> copy(new std::byte[size]);  // exact, so that an overrun is seen
        std::copy_n(good.bytes().begin(), size, copy.get());
        for (unsigned change = random() % 4; change > 0 && size > 0; --change) {
            copy[random() % size] = static_cast<std::byte>(random());
        }
        EnvelopeReader reader({copy.get(), size});
        std::size_t read = 0;
        while (const auto record = reader.next()) {
            ASSERT_GE(record->value.data(), copy.get());
            ASSERT_LE(record->value.data() + record->value.size(), copy.get() + size);
            read += kEnvelopeRecordHeader + record->value.size();
            decode_client(record->value);
        }
        ASSERT_LE(read, size);
    }
}

TEST(Envelope, ClientIsDecodedAsItWasEncoded) {
    std::array<std::byte, 20> value;
    PeerAddress peer = Network::parse("192.0.2.7")->base;
    peer.port = 50321;
    encode_client(value, peer);
    EXPECT_EQ(std::to_integer<int>(value[0]), 4);
    EXPECT_EQ(load_le<std::uint16_t>(value.data() + 2), 50321);
    EXPECT_EQ(std::to_integer<int>(value[4]), 192);
    EXPECT_EQ(decode_client(value), peer);

    peer = Network::parse("2001:db8::5")->base;
    peer.port = 25;
    encode_client(value, peer);
    EXPECT_EQ(std::to_integer<int>(value[0]), 6);
    EXPECT_EQ(decode_client(value), peer);
}

TEST(Envelope, MalformedClientIsNotDecoded) {
    std::array<std::byte, 21> value{};
    encode_client(value, Network::parse("192.0.2.7")->base);
    const Bytes whole(value.data(), 20);
    EXPECT_TRUE(decode_client(whole).has_value());
    EXPECT_FALSE(decode_client(whole.first(19)).has_value());
    EXPECT_FALSE(decode_client(value).has_value());
    EXPECT_FALSE(decode_client({}).has_value());
    value[1] = std::byte{1};
    EXPECT_FALSE(decode_client(whole).has_value());
    encode_client(value, PeerAddress{});
    EXPECT_FALSE(decode_client(whole).has_value()) << "no address is not an address";
}

}  // namespace
}  // namespace ringmx
