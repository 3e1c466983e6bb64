// Which recipients are accepted with a text file: the file, sub-addresses, quoted forms, postmaster.
#include "recipients/text_list.hpp"

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "policy/accept_policy.hpp"
#include "temporary_file.hpp"

namespace ringmx::recipients {
namespace {

using test::TemporaryFile;

// The policy with a list, asked as a session asks it.
class Accepting {
 public:
    Accepting(const std::vector<std::string>& domains, std::string_view recipients,
              const std::string& delimiters = "+") {
        const TemporaryFile file(recipients);
        auto loaded = policy::AcceptedDomains::load(domains);
        EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
        auto list = TextList::load(file.path(), loaded->get());
        EXPECT_TRUE(list.ok()) << (list.ok() ? "" : list.error().message);
        count_ = (*list)->size();
        slot_.set(std::move(*list));
        policy_ =
            std::make_unique<policy::AcceptPolicy>(*loaded, std::make_unique<ListLookup>(slot_), delimiters);
    }
    bool accepts(std::string_view local_part, std::string_view domain) {
        const policy::RecipientFacts facts{"", local_part, domain, 0};
        return !domain.empty() && policy_->on_recipient({}, {}, {}, facts).kind == Decision::Kind::accept;
    }
    std::uint64_t count() const { return count_; }

 private:
    ListSlot slot_;
    std::unique_ptr<policy::AcceptPolicy> policy_;
    std::uint64_t count_ = 0;
};

// The message of the error without the file's name: "LINE: what".
std::string error_of(const std::vector<std::string>& domains, std::string_view recipients) {
    const TemporaryFile file(recipients);
    const auto loaded = policy::AcceptedDomains::load(domains);
    const auto list = TextList::load(file.path(), loaded->get());
    if (list.ok()) return "loaded";
    const std::string& message = list.error().message;
    EXPECT_TRUE(message.starts_with(file.path() + ":")) << message;
    return message.substr(file.path().size() + 1);
}

TEST(TextList, RecipientsOfTheFileAreAccepted) {
    Accepting tables({"example.com", "all.example", "[192.0.2.1]"},
                     "\xEF\xBB\xBF# staff\r\n"
                     "\n"
                     "  Alice@Example.com  \r\n"
                     "bob+list@example.com # with a tag of its own\n"
                     "hash#tag@example.com\n"
                     "\t# indented comment\n"
                     "\"quoted person\"@example.com\n"
                     "\"plain\"@example.com\n"
                     "j\xC3\xB6rg@example.com\n"
                     "@all.example\n"
                     "alice@example.com\n"
                     "root@[192.0.2.1]");
    EXPECT_EQ(tables.count(), 8u) << "the duplicate counts once";
    struct Case {
        std::string_view local_part, domain;
        bool accepted;
    };
    const Case cases[] = {
        {"alice", "example.com", true},
        {"ALICE", "EXAMPLE.COM", true},
        {"\"Alice\"", "example.com", true},
        {"\"al\\ice\"", "example.com", true},
        {"alice+tag", "example.com", true},
        {"alice+tag+more", "example.com", true},
        {"alice+", "example.com", true},
        {"\"alice+x y\"", "example.com", true},
        {"+alice", "example.com", false},
        {"alice.b", "example.com", false},
        {"alic", "example.com", false},
        {"alice", "all.example.com", false},
        {"alice", "", false},
        {"bob+list", "example.com", true},
        {"bob+list+x", "example.com", false},  // its base address is bob
        {"bob", "example.com", false},
        {"hash#tag", "example.com", true},
        {"hash", "example.com", false},
        {"\"quoted person\"", "example.com", true},
        {"\"quoted  person\"", "example.com", false},
        {"plain", "example.com", true},
        {"j\xC3\xB6rg", "example.com", true},
        {"j\xC3\x96rg", "example.com", false},
        {"anyone", "all.example", true},
        {"\"\"", "all.example", true},
        {"\"\"", "example.com", false},
        {"root", "[192.0.2.1]", true},
        {"postmaster", "example.com", true},
        {"PostMaster", "example.com", true},
        {"\"postmaster\"", "example.com", true},
        {"postmaster", "[192.0.2.1]", true},
        {"postmaster", "foreign.example", false},
        {"postmaster2", "example.com", false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(tables.accepts(c.local_part, c.domain), c.accepted) << c.local_part << "@" << c.domain;
    }
}

TEST(TextList, LongLocalPartsAreOnlyAcceptedByDomain) {
    Accepting tables({"example.com", "all.example"}, "x@example.com\n@all.example\n");
    EXPECT_TRUE(tables.accepts(std::string(3000, 'x'), "all.example"));
    EXPECT_FALSE(tables.accepts(std::string(3000, 'x'), "example.com"));
    EXPECT_FALSE(tables.accepts(std::string(1020, 'x'), "example.com"));
    EXPECT_TRUE(tables.accepts("x+" + std::string(1020, 't'), "example.com"))
        << "the base address is short enough";
}

TEST(TextList, EmptyFileLeavesOnlyPostmaster) {
    Accepting tables({"example.com"}, "");
    EXPECT_TRUE(tables.accepts("postmaster", "example.com"));
    EXPECT_FALSE(tables.accepts("anyone", "example.com"));
}

TEST(TextList, StarWithAFileAcceptsTheFile) {
    Accepting tables({"*"}, "a@one.example\n@two.example\n");
    EXPECT_TRUE(tables.accepts("a", "one.example"));
    EXPECT_FALSE(tables.accepts("b", "one.example"));
    EXPECT_TRUE(tables.accepts("b", "two.example"));
    EXPECT_TRUE(tables.accepts("postmaster", "three.example"));
}

TEST(TextList, ErrorsNameFileLineAndReason) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"a@example.com\nuser\n", "2: not an address: there is no \"@\""},
        {"\n\n\"a@example.com\n", "3: the quoted local part is not closed"},
        {"a@example.com b@example.com\n", "1: one address a line; found \"b@example.com\" behind it"},
        {"a@example.org\n", "1: domain \"example.org\" is not among the accepted domains"},
        {"@example.org\n", "1: domain \"example.org\" is not among the accepted domains"},
        {"a@example.com#comment\n", "1: the domain has a character that no domain has"},
        {"\"\"@example.com\n", "1: the local part is empty"},
        {"*@example.com\na@\n", "2: the domain is empty"},
    };
    for (const auto& [contents, message] : cases)
        EXPECT_EQ(error_of({"example.com"}, contents), message);
    EXPECT_EQ(error_of({"example.com"}, std::string(2000, 'x') + "@example.com"),
              "1: the local part is too long");
    EXPECT_EQ(error_of({"example.com"}, std::string(1020, 'x') + "@example.com"),
              "1: the address is too long");
}

TEST(TextList, UnreadableFileIsNamed) {
    const auto missing = TextList::load("/nonexistent/recipients", nullptr);
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_EQ(missing.error().message, "/nonexistent/recipients: No such file or directory");

    const auto directory = TextList::load(testing::TempDir(), nullptr);
    ASSERT_FALSE(directory.ok()) << "a directory is not an empty file";
    EXPECT_NE(directory.error().message.find(testing::TempDir()), std::string::npos);
}

TEST(TextList, ManyRecipientsAreAllFound) {
    std::string contents;
    constexpr int kRecipients = 100'000;
    for (int i = 0; i < kRecipients; ++i)
        contents += "user" + std::to_string(i) + "@example.com\n";
    Accepting tables({"example.com"}, contents);
    EXPECT_EQ(tables.count(), static_cast<std::uint64_t>(kRecipients));
    for (int i = 0; i < kRecipients; i += 7) {
        ASSERT_TRUE(tables.accepts("user" + std::to_string(i) + "+t", "example.com"));
        ASSERT_FALSE(tables.accepts("User" + std::to_string(kRecipients + i), "example.com"));
    }
}

TEST(TextList, DelimitersAreThoseOfTheConfiguration) {
    Accepting either({"example.com"}, "alice@example.com\nbob-list@example.com\n", "-+");
    EXPECT_TRUE(either.accepts("alice-tag", "example.com"));
    EXPECT_TRUE(either.accepts("alice+tag-more", "example.com"));
    EXPECT_TRUE(either.accepts("bob-list", "example.com"));
    EXPECT_FALSE(either.accepts("bob-list-x", "example.com")) << "its base is bob";
    EXPECT_FALSE(either.accepts("-alice", "example.com"));
    Accepting none({"example.com"}, "alice@example.com\n", "");
    EXPECT_TRUE(none.accepts("alice", "example.com"));
    EXPECT_FALSE(none.accepts("alice+tag", "example.com"));
}

TEST(TextList, LinesOfAnyLengthAreBounded) {
    const std::string comment = "#" + std::string(1'000'000, 'c');
    EXPECT_EQ(error_of({"example.com"}, "a@example.com\n" + comment + "\nb@example.com\n"),
              "2: the line is too long");
    EXPECT_EQ(error_of({"example.com"}, "a@example.com\n" + comment), "2: the line is too long");
    Accepting short_enough({"example.com"}, "#" + comment.substr(0, 60'000) + "\nb@example.com");
    EXPECT_TRUE(short_enough.accepts("b", "example.com"));
}

}  // namespace
}  // namespace ringmx::recipients
