// What goes over the wire is exactly what was asked for.
#include "plan.hpp"

#include <map>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

Capabilities all() {
    Capabilities server;
    server.pipelining = true;
    server.chunking = true;
    return server;
}

Plan plan_of(const Options& options, const Capabilities& server) {
    auto plan = make_plan(options, server);
    EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
    return plan.ok() ? std::move(*plan) : Plan{};
}

// Takes BDAT commands apart: the data of all, and how many; the last must be LAST.
std::string bdat_data(std::string_view wire, std::uint32_t& pieces) {
    std::string data;
    for (pieces = 0;; ++pieces) {
        const std::size_t end = wire.find("\r\n");
        const std::string command(wire.substr(0, end));
        EXPECT_EQ(command.substr(0, 5), "BDAT ");
        const std::size_t octets = std::stoul(command.substr(5));
        const bool last = command.ends_with(" LAST");
        wire.remove_prefix(end + 2);
        EXPECT_GE(wire.size(), octets);
        data += wire.substr(0, octets);
        wire.remove_prefix(octets);
        if (last) {
            ++pieces;
            EXPECT_EQ(wire, "");
            return data;
        }
    }
}

TEST(Plan, MailHasExactlyTheLengthAskedFor) {
    for (std::size_t length = 64; length < 400; ++length) {
        Options options;
        options.size = std::to_string(length);
        const Plan single = plan_of(options, all());
        ASSERT_EQ(single.mails.size(), 1u);
        EXPECT_EQ(single.mails[0].octets, length);
        EXPECT_EQ(single.mails[0].wire.size(), length + 3);
        EXPECT_EQ(single.mails[0].wire.find("\r\n.\r\n"), length - 2) << "the end of data is not at the end";

        options.mode = Mode::bdat;
        const Plan bdat = plan_of(options, all());
        std::uint32_t pieces = 0;
        const std::string data = bdat_data(bdat.mails[0].wire.substr(bdat.envelope.size()), pieces);
        EXPECT_EQ(data.size(), length);
        EXPECT_EQ(pieces, 1u);
    }
}

TEST(Plan, UniqueMailHasTheLengthAskedForAndItsTailIsHashed) {
    Options options;
    options.size = "500";
    options.unique = true;
    for (const Mode mode : {Mode::single, Mode::bdat}) {
        options.mode = mode;
        options.bdat_chunk = 100;
        const Plan plan = plan_of(options, all());
        const Mail& mail = plan.mails[0];
        EXPECT_EQ(mail.octets, 500u);
        const Tail tail = make_tail(0x123456789abcdef0, 0xfedcba9876543210);
        const std::string_view line(tail.data(), kTailOctets);
        EXPECT_EQ(line, "ringmx-load 123456789abcdef0 fedcba9876543210\r\n");
        std::string data = mail.wire + std::string(line);
        if (mode == Mode::bdat) {
            std::uint32_t pieces = 0;
            data = bdat_data(data.substr(plan.envelope.size()), pieces);
            EXPECT_EQ(pieces, mail.pieces);
            EXPECT_EQ(plan.last_reply(mail), 1 + mail.pieces);
        }
        EXPECT_EQ(data.size(), 500u);
        Sha256 whole;
        whole.add(data);
        Sha256 continued = mail.hash;
        continued.add(line);
        EXPECT_EQ(to_hex(continued.finish()), to_hex(whole.finish()));
    }
}

TEST(Plan, DotsAtLineStartsAreStuffed) {
    EXPECT_EQ(dot_stuffed(".a\r\nb.\r\n..\r\n.\r\n"), "..a\r\nb.\r\n...\r\n..\r\n");
    EXPECT_EQ(dot_stuffed(""), "");
}

TEST(Plan, EnvelopeHoldsEveryRecipient) {
    Options options;
    options.mode = Mode::pipelined;
    options.recipients = 5;
    options.from = "a@b.example";
    options.to = {"x@y.example", "u@v.example"};
    const Plan plan = plan_of(options, all());
    EXPECT_EQ(plan.envelope,
              "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nRCPT TO:<u@v.example>\r\n"
              "RCPT TO:<x-2@y.example>\r\nRCPT TO:<u-2@v.example>\r\nRCPT TO:<x-3@y.example>\r\nDATA\r\n");
    EXPECT_EQ(plan.data_reply(), 6u);
    EXPECT_EQ(plan.last_reply(plan.mails[0]), 7u);
}

TEST(Plan, WithoutPipeliningItWaitsForEachReplyAndSaysSo) {
    Options options;
    options.mode = Mode::pipelined;
    Capabilities server;
    const Plan plan = plan_of(options, server);
    EXPECT_FALSE(plan.pipelined);
    ASSERT_EQ(plan.remarks.size(), 1u);
    EXPECT_NE(plan.remarks[0].find("PIPELINING"), std::string::npos);

    server.chunking = true;
    options.mode = Mode::bdat;
    options.bdat_chunk = 100;
    const Plan bdat = plan_of(options, server);
    EXPECT_EQ(bdat.mails[0].wire.substr(0, 16), "BDAT 1024 LAST\r\n");
    EXPECT_EQ(bdat.commands.size(), 2u);
}

TEST(Plan, WithoutChunkingBdatIsRefused) {
    Options options;
    options.mode = Mode::bdat;
    Capabilities server = all();
    server.chunking = false;
    const auto plan = make_plan(options, server);
    ASSERT_FALSE(plan.ok());
    EXPECT_NE(plan.error().message.find("CHUNKING"), std::string::npos);
}

TEST(Plan, OrderFollowsTheWeights) {
    Options options;
    options.size = "1000:70,2000:25,4000:5";
    const Plan plan = plan_of(options, all());
    std::map<std::uint64_t, double> counts;
    for (const std::uint32_t index : plan.order)
        ++counts[plan.mails[index].octets];
    const auto steps = static_cast<double>(plan.order.size());
    EXPECT_NEAR(counts[1000] / steps, 0.70, 0.001);
    EXPECT_NEAR(counts[2000] / steps, 0.25, 0.001);
    EXPECT_NEAR(counts[4000] / steps, 0.05, 0.001);
}

}  // namespace
}  // namespace ringmx::load
