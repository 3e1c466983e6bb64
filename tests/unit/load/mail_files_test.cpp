// Real mails: line ends, and cutting an mbox.
#include "mail_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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

TEST(MailFiles, OfAMaildirOnlyItsMailsCount) {
    char path[] = "/tmp/ringmx-load-mails-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    const std::filesystem::path root(path);
    const std::filesystem::path maildir = root / "Maildir";
    const auto put = [&](const std::filesystem::path& file, const char* text) {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    };
    put(maildir / "cur/1:2,S", "a\n");
    put(maildir / "new/2", "b\n");
    put(maildir / "tmp/3", "unfinished\n");
    put(maildir / "dovecot.index.log", "no mail\n");
    put(maildir / ".Sent/cur/4", "c\n");
    put(maildir / ".Sent/new/5", "d\n");
    put(maildir / ".Sent/dovecot-uidlist", "no mail\n");
    put(maildir / ".cache/6", "no mail\n");
    put(root / "plain/tmp/7.eml", "e\n");  // no Maildir: a folder is a folder
    put(root / "plain/.hidden", "no mail\n");
    auto mails = read_mails(path);
    std::filesystem::remove_all(root);
    ASSERT_TRUE(mails.ok());
    std::sort(mails->begin(), mails->end());
    EXPECT_EQ(*mails, (std::vector<std::string>{"a\r\n", "b\r\n", "c\r\n", "d\r\n", "e\r\n"}));
}

}  // namespace
}  // namespace ringmx::load
