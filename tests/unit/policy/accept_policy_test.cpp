// Which domains are accepted, what is looked up for a recipient, and what each outcome is answered with.
#include "policy/accept_policy.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::policy {
namespace {

using Domains = std::shared_ptr<const AcceptedDomains>;

Domains load(const std::vector<std::string>& domains) {
    auto loaded = AcceptedDomains::load(domains);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
    return loaded.ok() ? *loaded : nullptr;
}

// Answers what it is told to, and keeps what it was asked.
class FakeLookup final : public RecipientLookup {
 public:
    Found find(const Ticket&, const RecipientKey& key) override {
        local_part = key.local_part;
        base = key.base;
        domain = key.domain;
        ++asked;
        return answer;
    }
    void attach(Answers&) override { ++attached; }
    void collect() override { ++collected; }
    void detach() override { ++detached; }

    Found answer = Found::yes;
    std::string local_part, base, domain;
    int asked = 0, attached = 0, collected = 0, detached = 0;
};

class AcceptPolicyTest : public ::testing::Test {
 protected:
    void make(const std::string& delimiters = "+") {
        auto lookup = std::make_unique<FakeLookup>();
        lookup_ = lookup.get();
        policy_ = std::make_unique<AcceptPolicy>(load({"example.com"}), std::move(lookup), delimiters);
    }
    Decision ask(std::string_view local_part, std::string_view domain = "example.com") {
        return policy_->on_recipient({}, {}, {}, RecipientFacts{"", local_part, domain, 0});
    }

    FakeLookup* lookup_ = nullptr;
    std::unique_ptr<AcceptPolicy> policy_;
};

TEST(AcceptedDomains, DomainsAreComparedWithoutCase) {
    const Domains domains = load({"Example.COM", "b\xC3\xBC.example", "[192.0.2.1]", "[IPv6:2001:DB8::1]"});
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
        EXPECT_EQ(domains->accepts(domain), accepted) << domain;
    EXPECT_FALSE(domains->accepts(std::string(5000, 'a')));
}

TEST(AcceptedDomains, StarAcceptsEveryDomainButNoUnlistedLiteral) {
    const Domains domains = load({"*", "[192.0.2.1]"});
    EXPECT_TRUE(domains->accepts("anything.example"));
    EXPECT_TRUE(domains->accepts("[192.0.2.1]"));
    EXPECT_FALSE(domains->accepts("[192.0.2.2]"));
    EXPECT_FALSE(domains->accepts(""));
}

TEST(AcceptedDomains, MalformedDomainIsNamed) {
    for (const std::string domain :
         {"", "exa mple.com", "user@example.com", "a..b", "[192.0.2.300]", "*.example.com"}) {
        const auto domains = AcceptedDomains::load({"example.com", domain});
        ASSERT_FALSE(domains.ok()) << domain;
        EXPECT_NE(domains.error().message.find("\"" + domain + "\""), std::string::npos)
            << domains.error().message;
    }
}

TEST(AcceptedDomains, NoneAcceptsNothing) {
    EXPECT_FALSE(load({})->accepts("example.com"));
}

TEST_F(AcceptPolicyTest, WithoutALookUpEveryLocalPartIsAccepted) {
    AcceptPolicy policy(load({"example.com"}), nullptr);
    const auto kind = [&](std::string_view local_part, std::string_view domain) {
        return policy.on_recipient({}, {}, {}, RecipientFacts{"", local_part, domain, 0}).kind;
    };
    EXPECT_EQ(kind("anyone", "EXAMPLE.com"), Decision::Kind::accept);
    EXPECT_EQ(kind(std::string(2000, 'x'), "example.com"), Decision::Kind::accept);
    EXPECT_EQ(kind("anyone", "example.org"), Decision::Kind::reject);
}

TEST_F(AcceptPolicyTest, WhatIsLookedUpIsInCanonicalForm) {
    make();
    ask("\"Al\\ice+Tag+x\"", "EXAMPLE.com");
    EXPECT_EQ(lookup_->local_part, "alice+tag+x");
    EXPECT_EQ(lookup_->base, "alice");
    EXPECT_EQ(lookup_->domain, "example.com");
    ask("bob");
    EXPECT_EQ(lookup_->base, "");
    ask("+bob");
    EXPECT_EQ(lookup_->base, "") << "nothing stands before the delimiter";
    ask(std::string(3000, 'x'));
    EXPECT_EQ(lookup_->local_part, "") << "only the whole domain may match";
    make("-.");
    ask("a+b.c-d");
    EXPECT_EQ(lookup_->base, "a+b");
    make("");
    ask("a+b");
    EXPECT_EQ(lookup_->base, "");
}

TEST_F(AcceptPolicyTest, PostmasterAndForeignDomainsAreNotLookedUp) {
    make();
    lookup_->answer = Found::no;
    EXPECT_EQ(ask("PostMaster").kind, Decision::Kind::accept);
    EXPECT_EQ(ask("\"postmaster\"").kind, Decision::Kind::accept);
    EXPECT_EQ(ask("postmaster", "").kind, Decision::Kind::accept);
    EXPECT_EQ(ask("postmaster", "example.org").reply.status, (EnhancedStatus{5, 7, 1}));
    EXPECT_EQ(ask("alice", "example.org").reply.code, 550);
    EXPECT_EQ(lookup_->asked, 0);
}

TEST_F(AcceptPolicyTest, RepliesSayWhatTheLookUpFound) {
    make();
    EXPECT_EQ(ask("alice").kind, Decision::Kind::accept);
    lookup_->answer = Found::no;
    EXPECT_EQ(ask("alice").kind, Decision::Kind::reject);
    EXPECT_EQ(ask("alice").reply.code, 550);
    EXPECT_EQ(ask("alice").reply.status, (EnhancedStatus{5, 1, 1}));
    EXPECT_FALSE(ask("alice").reply.text.empty());
    lookup_->answer = Found::unavailable;
    EXPECT_EQ(ask("alice").kind, Decision::Kind::reject);
    EXPECT_EQ(ask("alice").reply.code, 451);
    EXPECT_EQ(ask("alice").reply.status, (EnhancedStatus{4, 4, 3}));
    lookup_->answer = Found::later;
    EXPECT_EQ(ask("alice").kind, Decision::Kind::later);
}

TEST_F(AcceptPolicyTest, TheLookUpLivesWithTheCore) {
    class NoAnswers final : public Answers {
        void answer(Ticket, const Decision&) override {}
        void wake() override {}
    } answers;
    make();
    policy_->attach(answers);
    policy_->collect();
    policy_->collect();
    policy_->detach();
    EXPECT_EQ(lookup_->attached, 1);
    EXPECT_EQ(lookup_->collected, 2);
    EXPECT_EQ(lookup_->detached, 1);
}

TEST_F(AcceptPolicyTest, OtherDecisionsAreLeftOpen) {
    make();
    EXPECT_EQ(policy_->on_connect({}, {}).kind, Decision::Kind::accept);
    EXPECT_EQ(policy_->on_mail({}, {}, {}).kind, Decision::Kind::accept);
}

}  // namespace
}  // namespace ringmx::policy
