// Which recipients are accepted: domains, the recipients file, sub-addresses, quoted forms, postmaster.
#include "policy/accept_policy.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringmx::policy {
namespace {

using Tables = std::shared_ptr<const AcceptTables>;

class TemporaryFile {
 public:
    explicit TemporaryFile(std::string_view contents)
        : path_(testing::TempDir() + "ringmx-recipients-" + std::to_string(getpid()) + "-" +
                std::to_string(++counter_)) {
        std::ofstream(path_, std::ios::binary) << contents;
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

 private:
    static inline int counter_ = 0;
    std::string path_;
};

Tables load(const std::vector<std::string>& domains, std::string_view recipients) {
    const TemporaryFile file(recipients);
    auto tables = AcceptTables::load(domains, file.path());
    EXPECT_TRUE(tables.ok()) << (tables.ok() ? "" : tables.error().message);
    return tables.ok() ? *tables : nullptr;
}

Tables load(const std::vector<std::string>& domains) {
    auto tables = AcceptTables::load(domains, "");
    EXPECT_TRUE(tables.ok()) << (tables.ok() ? "" : tables.error().message);
    return tables.ok() ? *tables : nullptr;
}

// The message of the error without the file's name: "LINE: what".
std::string error_of(const std::vector<std::string>& domains, std::string_view recipients) {
    const TemporaryFile file(recipients);
    const auto tables = AcceptTables::load(domains, file.path());
    if (tables.ok()) return "loaded";
    const std::string& message = tables.error().message;
    EXPECT_TRUE(message.starts_with(file.path() + ":")) << message;
    return message.substr(file.path().size() + 1);
}

TEST(AcceptTables, DomainsAreComparedWithoutCase) {
    const Tables tables = load({"Example.COM", "b\xC3\xBC.example", "[192.0.2.1]", "[IPv6:2001:DB8::1]"});
    const std::pair<std::string_view, bool> cases[] = {
        {"example.com", true},
        {"EXAMPLE.com", true},
        {"sub.example.com", false},
        {"ample.com", false},
        {"example.com.", false},
        {"", false},
        {"*", false},
        {"B\xC3\xBC.Example", true},
        {"b\xC3\x9C.example", false},
        {"[192.0.2.1]", true},
        {"[192.0.2.2]", false},
        {"192.0.2.1", false},
        {"[ipv6:2001:db8:0::1]", true},
        {"[IPv6:2001:db8::2]", false},
    };
    for (const auto& [domain, accepted] : cases)
        EXPECT_EQ(tables->accepts_domain(domain), accepted) << domain;
    EXPECT_FALSE(tables->accepts_domain(std::string(5000, 'a')));
}

TEST(AcceptTables, StarAcceptsEveryDomainButNoUnlistedLiteral) {
    const Tables tables = load({"*", "[192.0.2.1]"});
    EXPECT_TRUE(tables->accepts_domain("anything.example"));
    EXPECT_TRUE(tables->accepts_domain("[192.0.2.1]"));
    EXPECT_FALSE(tables->accepts_domain("[192.0.2.2]"));
    EXPECT_FALSE(tables->accepts_domain(""));
}

TEST(AcceptTables, WithoutDomainsNothingIsAccepted) {
    const Tables tables = load({});
    EXPECT_FALSE(tables->accepts_domain("example.com"));
    EXPECT_FALSE(tables->accepts_recipient("postmaster", "example.com"));
}

TEST(AcceptTables, WithoutFileEveryLocalPartIsAccepted) {
    const Tables tables = load({"example.com"});
    EXPECT_FALSE(tables->has_recipients());
    EXPECT_EQ(tables->recipient_count(), 0u);
    EXPECT_TRUE(tables->accepts_recipient("anyone", "EXAMPLE.com"));
    EXPECT_TRUE(tables->accepts_recipient(std::string(2000, 'x'), "example.com"));
    EXPECT_FALSE(tables->accepts_recipient("anyone", "example.org"));
}

TEST(AcceptTables, RecipientsOfTheFileAreAccepted) {
    const Tables tables = load({"example.com", "all.example", "[192.0.2.1]"},
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
    EXPECT_TRUE(tables->has_recipients());
    EXPECT_EQ(tables->recipient_count(), 8u) << "the duplicate counts once";
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
        EXPECT_EQ(tables->accepts_recipient(c.local_part, c.domain), c.accepted)
            << c.local_part << "@" << c.domain;
    }
}

TEST(AcceptTables, LongLocalPartsAreOnlyAcceptedByDomain) {
    const Tables tables = load({"example.com", "all.example"}, "x@example.com\n@all.example\n");
    EXPECT_TRUE(tables->accepts_recipient(std::string(3000, 'x'), "all.example"));
    EXPECT_FALSE(tables->accepts_recipient(std::string(3000, 'x'), "example.com"));
    EXPECT_FALSE(tables->accepts_recipient(std::string(1020, 'x'), "example.com"));
    EXPECT_TRUE(tables->accepts_recipient("x+" + std::string(1020, 't'), "example.com"))
        << "the base address is short enough";
}

TEST(AcceptTables, EmptyFileLeavesOnlyPostmaster) {
    const Tables tables = load({"example.com"}, "");
    EXPECT_TRUE(tables->has_recipients());
    EXPECT_TRUE(tables->accepts_recipient("postmaster", "example.com"));
    EXPECT_FALSE(tables->accepts_recipient("anyone", "example.com"));
}

TEST(AcceptTables, StarWithAFileAcceptsTheFile) {
    const Tables tables = load({"*"}, "a@one.example\n@two.example\n");
    EXPECT_TRUE(tables->accepts_recipient("a", "one.example"));
    EXPECT_FALSE(tables->accepts_recipient("b", "one.example"));
    EXPECT_TRUE(tables->accepts_recipient("b", "two.example"));
    EXPECT_TRUE(tables->accepts_recipient("postmaster", "three.example"));
}

TEST(AcceptTables, ErrorsNameFileLineAndReason) {
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

TEST(AcceptTables, UnreadableFileIsNamed) {
    const auto missing = AcceptTables::load({"example.com"}, "/nonexistent/recipients");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_EQ(missing.error().message, "/nonexistent/recipients: No such file or directory");

    const auto directory = AcceptTables::load({"example.com"}, testing::TempDir());
    ASSERT_FALSE(directory.ok()) << "a directory is not an empty file";
    EXPECT_NE(directory.error().message.find(testing::TempDir()), std::string::npos);
}

TEST(AcceptTables, MalformedDomainIsNamed) {
    for (const std::string domain :
         {"", "exa mple.com", "user@example.com", "a..b", "[192.0.2.300]", "*.example.com"}) {
        const auto tables = AcceptTables::load({"example.com", domain}, "");
        ASSERT_FALSE(tables.ok()) << domain;
        EXPECT_NE(tables.error().message.find("\"" + domain + "\""), std::string::npos)
            << tables.error().message;
    }
}

TEST(AcceptTables, ManyRecipientsAreAllFound) {
    std::string contents;
    constexpr int kRecipients = 100'000;
    for (int i = 0; i < kRecipients; ++i)
        contents += "user" + std::to_string(i) + "@example.com\n";
    const Tables tables = load({"example.com"}, contents);
    EXPECT_EQ(tables->recipient_count(), static_cast<std::size_t>(kRecipients));
    for (int i = 0; i < kRecipients; i += 7) {
        ASSERT_TRUE(tables->accepts_recipient("user" + std::to_string(i) + "+t", "example.com"));
        ASSERT_FALSE(tables->accepts_recipient("User" + std::to_string(kRecipients + i), "example.com"));
    }
}

TEST(AcceptPolicy, RepliesSayWhichRuleRefused) {
    AcceptPolicy policy(load({"example.com"}, "alice@example.com\n"));
    const auto ask = [&policy](std::string_view path, std::string_view local_part, std::string_view domain) {
        return policy.on_recipient({}, {}, {}, RecipientFacts{path, local_part, domain, 0});
    };
    EXPECT_EQ(ask("alice@example.com", "alice", "example.com").kind, Decision::Kind::accept);
    EXPECT_EQ(ask("postmaster", "postmaster", "").kind, Decision::Kind::accept);

    const Decision unknown = ask("bob@example.com", "bob", "example.com");
    EXPECT_EQ(unknown.kind, Decision::Kind::reject);
    EXPECT_EQ(unknown.reply.code, 550);
    EXPECT_EQ(unknown.reply.status, (EnhancedStatus{5, 1, 1}));
    EXPECT_FALSE(unknown.reply.text.empty());

    const Decision foreign = ask("alice@example.org", "alice", "example.org");
    EXPECT_EQ(foreign.kind, Decision::Kind::reject);
    EXPECT_EQ(foreign.reply.code, 550);
    EXPECT_EQ(foreign.reply.status, (EnhancedStatus{5, 7, 1}));
    EXPECT_EQ(ask("postmaster@example.org", "postmaster", "example.org").reply.status,
              (EnhancedStatus{5, 7, 1}));
}

TEST(AcceptPolicy, OtherDecisionsAreLeftOpen) {
    AcceptPolicy policy(load({"example.com"}));
    EXPECT_EQ(policy.on_connect({}, {}).kind, Decision::Kind::accept);
    EXPECT_EQ(policy.on_mail({}, {}, {}).kind, Decision::Kind::accept);
}

}  // namespace
}  // namespace ringmx::policy
