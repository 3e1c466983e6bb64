// Comparing acknowledged messages with a spool's: found, missing, different, beyond.
#include "acks_check.hpp"

#include <string>

#include <gtest/gtest.h>

#include "ack_line.hpp"

namespace ringmx::ctl {
namespace {

const std::string kId1 = "01890a5d-ac96-774b-bcce-b302099a8057";
const std::string kId2 = "01890a5d-ac96-774b-bcce-b302099a8058";

Sha256::Digest digest_of(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hash.finish();
}

std::string line(std::string_view id, std::string_view content) {
    std::string text;
    tools::append_ack_line(text, id, digest_of(content), content.size());
    return text;
}

AcksReport report_of(const std::string& acks,
                     const std::vector<std::pair<std::string, std::string>>& messages) {
    auto check = AcksCheck::parse(acks);
    EXPECT_TRUE(check.ok());
    for (const auto& [id, content] : messages)
        check->message(*MessageId::parse(id), digest_of(content), content.size());
    return check->report();
}

TEST(AcksCheck, EverythingFoundIsGood) {
    const AcksReport report =
        report_of(line(kId2, "two") + line(kId1, "one"), {{kId1, "one"}, {kId2, "two"}});
    EXPECT_TRUE(report.good());
    EXPECT_EQ(report.found, 2u);
    EXPECT_EQ(report.beyond, 0u);
}

TEST(AcksCheck, MissingAndDifferentAreTold) {
    const AcksReport report = report_of(line(kId1, "one") + line(kId2, "two"), {{kId1, "ONE"}});
    EXPECT_FALSE(report.good());
    EXPECT_EQ(report.different, 1u);
    EXPECT_EQ(report.missing, 1u);
    ASSERT_EQ(report.problems.size(), 2u);
    EXPECT_NE(report.problems[0].find(kId1 + " has another content"), std::string::npos);
    EXPECT_NE(report.problems[1].find(kId2 + " was acknowledged and is not"), std::string::npos);
}

TEST(AcksCheck, WithoutIdsTheContentCounts) {
    const std::string acks = line("-", "same") + line("-", "same") + line("-", "other");
    const AcksReport report = report_of(acks, {{kId1, "same"}, {kId2, "other"}});
    EXPECT_EQ(report.found, 2u);
    EXPECT_EQ(report.missing, 1u) << "one message does not stand for two";
}

TEST(AcksCheck, StoredBeyondTheAcksIsNoLoss) {
    const AcksReport report = report_of(line(kId1, "one"), {{kId1, "one"}, {kId2, "two"}});
    EXPECT_TRUE(report.good());
    EXPECT_EQ(report.beyond, 1u);
}

TEST(AcksCheck, ATornLastLineDoesNotCountAndAWrongOneIsAnError) {
    const std::string whole = line(kId1, "one");
    const std::string torn = whole + line(kId2, "two").substr(0, 70);
    EXPECT_EQ(report_of(torn, {{kId1, "one"}}).acks, 1u);
    const auto wrong = AcksCheck::parse("x\n" + whole);
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message.find("line 1"), std::string::npos);
    EXPECT_FALSE(AcksCheck::parse(line("not-an-id", "one")).ok());
}

}  // namespace
}  // namespace ringmx::ctl
