// Real mails: line ends, and cutting an mbox.
#include "mail_files.hpp"

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

TEST(MailFiles, EveryLineEndBecomesCrLf) {
    EXPECT_EQ(with_crlf("a\nb\r\nc\rd"), "a\r\nb\r\nc\r\nd\r\n");
    EXPECT_EQ(with_crlf("a\n\n\r\n\r\r\n"), "a\r\n\r\n\r\n\r\n\r\n");
    EXPECT_EQ(with_crlf(""), "");
}

TEST(MailFiles, MboxIsCutAtItsFromLines) {
    const auto mails = split_mbox(
        "From a@b Thu Jan  1 00:00:00 1970\nSubject: 1\n\nbody\nFrom here on it goes\n>From quoted\n>>From "
        "twice\n\n"
        "From c@d Thu Jan  1 00:00:00 1970\nSubject: 2\n\nlast\n");
    ASSERT_EQ(mails.size(), 2u);
    EXPECT_EQ(mails[0], "Subject: 1\r\n\r\nbody\r\nFrom here on it goes\r\nFrom quoted\r\n>From twice\r\n");
    EXPECT_EQ(mails[1], "Subject: 2\r\n\r\nlast\r\n");
}

TEST(MailFiles, WhatIsNoMboxHasNoMail) {
    EXPECT_TRUE(split_mbox("Subject: x\n\nbody\n").empty());
    EXPECT_TRUE(split_mbox("").empty());
}

}  // namespace
}  // namespace ringmx::load
