// Look-ups on a core's thread allocate nothing: this program counts every allocation.
#include <string>

#include <gtest/gtest.h>

#include "admin/log.hpp"
#include "counted_new.hpp"
#include "policy/accept_policy.hpp"
#include "recipients/service_lookup.hpp"
#include "recipients/socketmap_client.hpp"
#include "recipients/table.hpp"
#include "recipients/table_builder.hpp"
#include "recipients/text_list.hpp"
#include "temporary_file.hpp"

namespace ringmx::recipients {
namespace {

using test::TemporaryFile;

class NoAllocation : public testing::Test {
 protected:
    // The second round must do without: in the first, places are made.
    void ask_twice(std::unique_ptr<policy::RecipientLookup> lookup) {
        const auto domains = policy::AcceptedDomains::load({"example.com", "all.example"});
        policy::AcceptPolicy policy(*domains, std::move(lookup));
        for (int round = 0; round < 2; ++round) {
            const std::size_t before = test::allocations();
            for (const std::string_view local_part :
                 {"alice", "bob", "alice+tag", "\"Alice\"", "nobody+x+y"}) {
                for (const std::string_view domain : {"example.com", "all.example", "foreign.example"}) {
                    policy.on_recipient({}, {}, {}, policy::RecipientFacts{"", local_part, domain, 0});
                    policy.collect();
                }
            }
            if (round == 1) {
                EXPECT_EQ(test::allocations(), before);
            }
        }
        EXPECT_GT(test::allocations(), 0u) << "they are counted";
    }
    const TemporaryFile text_{"alice@example.com\n@all.example\n"};
};

TEST_F(NoAllocation, InATextFile) {
    ListSlot slot;
    slot.set(*TextList::load(text_.path(), nullptr));
    ask_twice(std::make_unique<ListLookup>(slot));
}

TEST_F(NoAllocation, InATable) {
    const TemporaryFile file;
    ASSERT_TRUE(build_table(text_.path(), file.path(), false, [](auto, auto&) {}).ok());
    ListSlot slot;
    slot.set(*Table::load(file.path()));
    ask_twice(std::make_unique<ListLookup>(slot));
}

TEST_F(NoAllocation, InAskingAService) {
    admin::CoreCounters counters;
    auto log = admin::Log::open({.path = {}, .cores = 1, .sink = [](std::string_view) {}});
    ASSERT_TRUE(log.ok());
    SocketmapOptions options;
    options.path = "/nonexistent/socket";
    options.map = "m";
    ServiceOptions asked;
    asked.name = name_of(options);
    asked.questions_max = 1024;
    auto service = LookupService::start(
        asked, [&](ServiceDesk& desk) { return SocketmapClient::make(options, desk); }, counters, **log);
    ASSERT_TRUE(service.ok());
    ask_twice(
        std::make_unique<ServiceLookup>(0, **service, ServiceTimes{1'000'000'000'000, 0, 0}, 100, counters));
    EXPECT_GT(counters.recipients_asked.get(), 0u);
    service->reset();
    (*log)->stop();
}

}  // namespace
}  // namespace ringmx::recipients
