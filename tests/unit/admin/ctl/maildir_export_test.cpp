// An exported Maildir: whole files only, each message once.
#include "maildir_export.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringmx::ctl {
namespace {

namespace fs = std::filesystem;

class Maildir : public testing::Test {
 protected:
    void SetUp() override {
        path_ = fs::temp_directory_path() / ("ringmx-maildir-" + std::to_string(getpid()));
        fs::remove_all(path_);
    }
    void TearDown() override { fs::remove_all(path_); }

    static std::string content_of(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    std::size_t files_in(const char* folder) const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path_ / folder), fs::directory_iterator()));
    }
    MaildirExport open() const {
        auto maildir = MaildirExport::open(path_);
        EXPECT_TRUE(maildir.ok());
        return std::move(*maildir);
    }
    static Status write_text(Output& out, std::string_view text) {
        return out.write(text) ? ok_status() : out.status();
    }

    fs::path path_;
    MessageId id_ = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
    std::string name_ = std::to_string(id_.unix_ms() / 1000) + ".01890a5d-ac96-774b-bcce-b302099a8057.ringmx";
};

TEST_F(Maildir, MessageArrivesInNewWithItsBytes) {
    MaildirExport maildir = open();
    EXPECT_TRUE(maildir.add(id_, [](Output& out) { return write_text(out, "a\r\nb\r\n"); }).ok());
    EXPECT_TRUE(maildir.finish().ok());
    EXPECT_EQ(content_of(path_ / "new" / name_), "a\r\nb\r\n");
    EXPECT_EQ(files_in("tmp"), 0u);
    EXPECT_EQ(files_in("new"), 1u);
    struct stat info {};
    ASSERT_EQ(stat((path_ / "new" / name_).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Maildir, FailedMessageLeavesNoFile) {
    MaildirExport maildir = open();
    const Status added = maildir.add(id_, [](Output& out) {
        static_cast<void>(write_text(out, "half"));
        return Status(Error{EIO, "damaged"});
    });
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().message, "damaged");
    EXPECT_EQ(files_in("tmp"), 0u);
    EXPECT_EQ(files_in("new"), 0u);
    EXPECT_FALSE(maildir.has(id_));
}

TEST_F(Maildir, MessageThatIsThereIsRecognisedInNewAndInCur) {
    {
        MaildirExport maildir = open();
        EXPECT_FALSE(maildir.has(id_));
        EXPECT_TRUE(maildir.add(id_, [](Output& out) { return write_text(out, "x"); }).ok());
        EXPECT_TRUE(maildir.has(id_));
    }
    EXPECT_TRUE(open().has(id_));
    fs::rename(path_ / "new" / name_, path_ / "cur" / (name_ + ":2,S"));  // read by somebody
    EXPECT_TRUE(open().has(id_));
    fs::remove(path_ / "cur" / (name_ + ":2,S"));
    EXPECT_FALSE(open().has(id_));
}

TEST_F(Maildir, FilesOfOthersAreNotTakenForOurs) {
    open();
    std::ofstream(path_ / "new" / "1.01890a5d-ac96-774b-bcce-b302099a8057.other");
    std::ofstream(path_ / "new" / "01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_FALSE(open().has(id_));
}

TEST_F(Maildir, RestOfACutOffExportIsOverwritten) {
    open();
    std::ofstream(path_ / "tmp" / name_) << "a longer piece of an older export";
    MaildirExport maildir = open();
    EXPECT_TRUE(maildir.add(id_, [](Output& out) { return write_text(out, "new"); }).ok());
    EXPECT_EQ(content_of(path_ / "new" / name_), "new");
}

TEST_F(Maildir, FileInItsPlaceIsAnError) {
    std::ofstream(path_) << "a file";
    const auto maildir = MaildirExport::open(path_);
    ASSERT_FALSE(maildir.ok());
    EXPECT_EQ(maildir.error().message, path_.string() + ": not a folder");
}

}  // namespace
}  // namespace ringmx::ctl
