// mbox: what a reader of the file gets back, however the message's bytes were cut into pieces.
#include "mbox.hpp"

#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ringmx::ctl {
namespace {

// Writes messages, each cut into pieces of `piece` octets, and returns the file.
std::string written(MboxWriter::Style style, const std::vector<std::string>& messages, std::size_t piece) {
    const int fd = memfd_create("mbox", MFD_CLOEXEC);
    Output out(fd, "mbox");
    MboxWriter mbox(out, style);
    for (const std::string& message : messages) {
        EXPECT_TRUE(mbox.begin("From a@b date\n"));
        for (std::size_t at = 0; at < message.size(); at += piece) {
            EXPECT_TRUE(mbox.add(as_bytes(std::string_view(message).substr(at, piece))));
        }
        EXPECT_TRUE(mbox.end());
    }
    EXPECT_TRUE(out.flush());
    std::string file(out.octets(), '\0');
    EXPECT_EQ(pread(fd, file.data(), file.size() + 1, 0), static_cast<ssize_t>(file.size()));
    close(fd);
    return file;
}

void expect_rd(const std::string& message, const std::string& expected) {
    for (std::size_t piece = 1; piece <= message.size() + 1; ++piece) {
        EXPECT_EQ(written(MboxWriter::Style::rd, {message}, piece), "From a@b date\n" + expected) << piece;
    }
}

TEST(MboxFile, LineEndsBecomeLfAndAnEmptyLineEndsTheMessage) {
    expect_rd("a\r\nb\r\n", "a\nb\n\n");
}

TEST(MboxFile, LinesThatLookLikeTheNextMessageAreQuoted) {
    expect_rd("From x\r\n>From y\r\n>>>From z\r\nn\r\nFrom \r\n",
              ">From x\n>>From y\n>>>>From z\nn\n>From \n\n");
}

TEST(MboxFile, LinesThatOnlyBeginAlikeAreKept) {
    expect_rd(
        "From\r\nFrom\tx\r\nfrom x\r\n>Fro\r\n> From x\r\n From x\r\n>>\r\nxFrom y\r\nF\r\nF>rom "
        "x\r\n>>F>\r\n",
        "From\nFrom\tx\nfrom x\n>Fro\n> From x\n From x\n>>\nxFrom y\nF\nF>rom x\n>>F>\n\n");
}

TEST(MboxFile, BareCarriageReturnsAreKept) {
    expect_rd("a\rb\r\r\nFrom\r x\r\n\rFrom x\r\n", "a\rb\r\nFrom\r x\n\rFrom x\n\n");
}

TEST(MboxFile, BareLfBeginsALineThatIsQuoted) {
    expect_rd("a\nFrom x\r\n", "a\n>From x\n\n");
}

TEST(MboxFile, UnfinishedLastLineIsFinished) {
    expect_rd("a", "a\n\n");
    expect_rd("a\r", "a\r\n\n");
    expect_rd(">Fro", ">Fro\n\n");
    expect_rd("From ", ">From \n\n");
    expect_rd("", "\n");
}

TEST(MboxFile, MessagesDoNotInfluenceEachOther) {
    EXPECT_EQ(written(MboxWriter::Style::rd, {">Fro", "m x\r", "\nFrom y"}, 1),
              "From a@b date\n>Fro\n\nFrom a@b date\nm x\r\n\nFrom a@b date\n\n>From y\n\n");
}

TEST(MboxFile, MessageThatWasGivenUpLeavesNothingBehind) {
    const int fd = memfd_create("mbox", MFD_CLOEXEC);
    Output out(fd, "mbox");
    MboxWriter mbox(out, MboxWriter::Style::rd);
    EXPECT_TRUE(mbox.begin("From torn\n"));
    EXPECT_TRUE(mbox.add(as_bytes(">>Fro")));  // held back when reading fails
    EXPECT_TRUE(mbox.begin("From next\n"));
    EXPECT_TRUE(mbox.add(as_bytes("m\r\n")));
    EXPECT_TRUE(mbox.end());
    EXPECT_TRUE(out.flush());
    std::string file(out.octets(), '\0');
    EXPECT_EQ(pread(fd, file.data(), file.size(), 0), static_cast<ssize_t>(file.size()));
    EXPECT_EQ(file, "From torn\nFrom next\nm\n\n");
    close(fd);
}

TEST(MboxStream, BytesAreUntouched) {
    const std::string message = "From x\r\n>From y\r\n\r\r\n\n.\r\n";
    for (std::size_t piece = 1; piece <= message.size(); ++piece) {
        EXPECT_EQ(written(MboxWriter::Style::raw, {message, message}, piece),
                  "From a@b date\n" + message + "From a@b date\n" + message);
    }
}

TEST(MboxStream, NextFromLineAlwaysBeginsALine) {
    EXPECT_EQ(written(MboxWriter::Style::raw, {"no end", ""}, 100), "From a@b date\nno end\nFrom a@b date\n");
}

TEST(Output, FirstErrorIsKept) {
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    Output out(fd, "full");
    EXPECT_TRUE(out.write("a"));  // buffered
    EXPECT_FALSE(out.flush());
    EXPECT_FALSE(out.write("b"));
    EXPECT_FALSE(out.flush());
    EXPECT_EQ(out.status().error().message, "full: No space left on device");
    close(fd);
}

TEST(Output, LargeAndSmallWritesKeepTheirOrder) {
    const int fd = memfd_create("out", MFD_CLOEXEC);
    Output out(fd, "out");
    std::string expected;
    for (std::size_t size : {1u, 100000u, 5u, 300000u, 200000u, 200000u, 0u, 7u}) {
        const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
        EXPECT_TRUE(out.write(piece));
        expected += piece;
    }
    EXPECT_TRUE(out.flush());
    std::string file(expected.size(), '\0');
    EXPECT_EQ(pread(fd, file.data(), file.size(), 0), static_cast<ssize_t>(file.size()));
    EXPECT_TRUE(file == expected);
    EXPECT_EQ(out.octets(), expected.size());
    close(fd);
}

}  // namespace
}  // namespace ringmx::ctl
