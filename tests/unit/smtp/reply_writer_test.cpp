// Replies as octets: one line, printable, never more than 512 octets. RFC 5321 §4.2, §4.5.3.1.5.
#include "smtp/reply_writer.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "smtp/rules.hpp"
#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

std::string written(const Reply& reply, std::string_view hostname = {}) {
    std::string room(reply_octets_max(reply, hostname), '\0');
    const std::size_t octets =
        write_reply({reinterpret_cast<std::byte*>(room.data()), room.size()}, reply, hostname);
    EXPECT_LE(octets, room.size());
    return room.substr(0, octets);
}

}  // namespace

TEST(ReplyWriter, CodeStatusHostnameText) {
    EXPECT_EQ(written({250, {2, 1, 0}, "ok"}), "250 2.1.0 ok\r\n");
    EXPECT_EQ(written({354, {}, "go"}), "354 go\r\n");
    EXPECT_EQ(written({421, {4, 3, 2}, "bye"}, "mx.test"), "421 4.3.2 mx.test bye\r\n");
    EXPECT_EQ(written({554, {5, 65535, 65535}, "x"}), "554 5.65535.65535 x\r\n");
    EXPECT_EQ(written({250, {2, 0, 0}, ""}), "250 2.0.0 \r\n");
}

TEST(ReplyWriter, TextIsOneLineOfPrintableAscii) {
    EXPECT_EQ(written({550, {}, "a\r\n250 ok\t\x80\x7f"}), "550 a??250 ok???\r\n");
}

TEST(ReplyWriter, LongTextIsCut) {
    const std::string text(1000, 'x');
    const std::string line = written({550, {5, 7, 1}, text}, "mx.test");
    EXPECT_EQ(line.size(), limits::reply_line_octets_max);
    EXPECT_EQ(line.substr(line.size() - 3), "x\r\n");
}

TEST(ReplyWriter, EveryRuleFitsItsRoom) {
    for (const Rule* rule : rules::all) {
        EXPECT_EQ(written(rule->reply).substr(0, 4), std::to_string(rule->reply.code) + " ") << rule->name;
    }
}

TEST(ReplyWriter, ExtensionLinesStayWithinTheirRoomAndTheLineLimit) {
    const std::string hostname(255, 'h');
    const std::string greeting(1000, 'g');
    SessionOptions options;
    options.hostname = hostname;
    options.message_octets_max = UINT64_MAX;
    options.recipients_max = options.messages_max = UINT32_MAX;
    std::string room(hello_octets_max(options), '\0');
    room.resize(write_extensions({reinterpret_cast<std::byte*>(room.data()), room.size()}, options, greeting,
                                 TlsUse::offered, true));
    EXPECT_NE(room.find("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"),
              std::string::npos);
    std::size_t begin = 0;
    while (begin < room.size()) {
        const std::size_t end = room.find("\r\n", begin);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end + 2 - begin, limits::reply_line_octets_max);
        EXPECT_EQ(room[begin + 3], end + 2 == room.size() ? ' ' : '-');
        begin = end + 2;
    }
    EXPECT_NE(room.find("250-SIZE 18446744073709551615\r\n"), std::string::npos);
    EXPECT_NE(room.find("250-LIMITS RCPTMAX=999999 MAILMAX=999999\r\n"), std::string::npos);
}

}  // namespace ringmx::smtp
