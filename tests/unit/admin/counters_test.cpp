// The counter table covers every counter, and status answers join the cores as each counter's kind says.
#include "admin/counters.hpp"

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "admin/storage_counters.hpp"

namespace ringmx::admin {
namespace {

TEST(Counters, TableHasEveryCounterOnce) {
    const CoreCounters counters;
    std::set<const Counter*> members;
    std::set<std::string_view> names;
    for (const CounterInfo& info : counter_table()) {
        EXPECT_TRUE(members.insert(&(counters.*info.member)).second) << info.name;
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_FALSE(info.help.empty());
    }
    // The members are dense: the last one of the table is the last one of the struct.
    const auto* const first = reinterpret_cast<const std::byte*>(&counters);
    const auto* const last = reinterpret_cast<const std::byte*>(*members.rbegin());
    EXPECT_EQ(static_cast<std::size_t>(last - first), (members.size() - 1) * sizeof(Counter));
}

TEST(Counters, CountAndSubtract) {
    Counter counter;
    counter.add();
    counter.add(10);
    counter.sub(3);
    EXPECT_EQ(counter.get(), 8u);
    counter.set(2);
    EXPECT_EQ(counter.get(), 2u);
}

TEST(Counters, TotalsAreSumsAndForSharedThingsTheLeast) {
    auto one = std::make_unique<CoreCounters>();
    auto two = std::make_unique<CoreCounters>();
    one->messages_stored.add(3);
    two->messages_stored.add(4);
    one->storage_bytes_free.set(1000);
    two->storage_bytes_free.set(900);
    const CoreCounters* const both[] = {one.get(), two.get()};
    const CoreCounters* const reversed[] = {two.get(), one.get()};
    EXPECT_NE(counters_json_total(reversed).find("\"storage_bytes_free\":900,"), std::string::npos);
    const std::string json = counters_json_total(both);
    EXPECT_NE(json.find("\"messages_stored\":7,"), std::string::npos) << json;
    EXPECT_NE(json.find("\"storage_bytes_free\":900,"), std::string::npos) << json;
    EXPECT_NE(counters_json(*one).find("\"messages_stored\":3,"), std::string::npos);
    EXPECT_NE(counters_json_total({}).find("\"storage_bytes_free\":0,"), std::string::npos);
}

TEST(Counters, DocumentationHasTheTable) {
    std::ifstream file(std::string(RINGMX_DOCS) + "/operations.md");
    ASSERT_TRUE(file.good());
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find(counters_markdown()), std::string::npos);
    EXPECT_NE(text.str().find(storage_counters_markdown()), std::string::npos);
}

TEST(StorageCounters, AreOneObject) {
    StorageStatus status{"actor", "machine"};
    EXPECT_EQ(storage_json(status), R"({"backend":"actor","durability":"machine","counters":{}})");
    status.plugin = PluginCounters{6, 3, 1, 1, 1, 2};
    status.own = {{"actor.bytes", 77}};
    EXPECT_EQ(storage_json(status),
              R"({"backend":"actor","durability":"machine","counters":{"plugin_submitted":6,)"
              R"("plugin_stored":3,"plugin_retried":1,"plugin_rejected":1,"plugin_in_flight":1,)"
              R"("plugin_false_completions":2,"actor.bytes":77}})");
}

}  // namespace
}  // namespace ringmx::admin
