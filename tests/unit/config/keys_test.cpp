// The key table holds together: with the defaults, with the documentation, with the annotated example.
#include "config/keys.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "config/value.hpp"

namespace ringmx::config {
namespace {

std::string read_doc(const std::string& name) {
    std::ifstream file(std::string(RINGMX_DOCS) + "/" + name);
    EXPECT_TRUE(file.good()) << name;
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Keys, NamesAreUniqueAndTheirSectionsListedOnce) {
    std::set<std::string_view> names;
    const std::set<std::string_view> listed(sections().begin(), sections().end());
    EXPECT_EQ(listed.size(), sections().size());
    for (const Key& key : keys()) {
        EXPECT_TRUE(names.insert(key.name).second) << key.name;
        EXPECT_TRUE(listed.count(key.name.substr(0, key.name.rfind('.')))) << key.name;
        EXPECT_EQ(find_key(key.name), &key);
        EXPECT_FALSE(key.description.empty()) << key.name;
        EXPECT_FALSE(key.since.empty()) << key.name;
    }
    EXPECT_EQ(find_key("server.none"), nullptr);
}

TEST(Keys, EachKeyHasAFieldOfItsOwn) {
    Config config;
    std::set<const void*> fields;
    for (const Key& key : keys()) {
        const void* const field = std::visit(
            [](auto at) -> const void* {
                if constexpr (std::is_same_v<decltype(at), ChoiceField>)
                    return at.value;
                else
                    return at;
            },
            key.field(config));
        EXPECT_TRUE(fields.insert(field).second) << key.name;
    }
}

TEST(Keys, DefaultsLieWithinTheirLimits) {
    for (const Key& key : keys()) {
        Config config;
        const Field at = key.field(config);
        std::uint64_t value = 0;
        if (auto* const* wide = std::get_if<std::uint64_t*>(&at))
            value = **wide;
        else if (auto* const* narrow = std::get_if<std::uint32_t*>(&at))
            value = **narrow;
        else
            continue;
        EXPECT_GE(value, key.least) << key.name;
        EXPECT_LE(value, key.most) << key.name;
    }
}

TEST(Keys, LimitsAreTheLastValuesAllowed) {
    Config config;
    std::size_t numbers = 0;
    for (const Key& key : keys()) {
        if (key.type != KeyType::count && key.type != KeyType::size && key.type != KeyType::duration)
            continue;
        ++numbers;
        const auto least = static_cast<std::int64_t>(key.least);
        const auto most = static_cast<std::int64_t>(key.most);
        EXPECT_EQ(set_value(key, least, config), std::nullopt) << key.name;
        EXPECT_EQ(set_value(key, most, config), std::nullopt) << key.name;
        EXPECT_NE(set_value(key, least - 1, config), std::nullopt) << key.name;
        EXPECT_NE(set_value(key, most + 1, config), std::nullopt) << key.name;
    }
    EXPECT_GT(numbers, 10u);
}

TEST(Keys, ChoicesAreInTheOrderOfTheirEnumerations) {
    const auto at = [](const char* key, auto value) {
        return find_key(key)->choices[static_cast<std::size_t>(value)];
    };
    EXPECT_EQ(at("smtp.bare_newline", BareNewlineMode::normalize), "normalize");
    EXPECT_EQ(at("smtp.bare_newline", BareNewlineMode::reject), "reject");
    EXPECT_EQ(at("smtp.bare_newline", BareNewlineMode::accept), "accept");
    EXPECT_EQ(at("storage.backend", StorageBackend::spool), "spool");
    EXPECT_EQ(at("storage.backend", StorageBackend::maildir), "maildir");
    EXPECT_EQ(at("storage.backend", StorageBackend::discard), "discard");
    EXPECT_EQ(at("storage.backend", StorageBackend::plugin), "plugin");
    EXPECT_EQ(at("storage.backend", StorageBackend::lmtp), "lmtp");
    EXPECT_EQ(at("storage.backend", StorageBackend::http), "http");
    EXPECT_EQ(at("storage.backend", StorageBackend::jetstream), "jetstream");
    EXPECT_EQ(at("storage.backend", StorageBackend::kafka), "kafka");
    EXPECT_EQ(at("storage.host", StorageHost::automatic), "auto");
    EXPECT_EQ(at("storage.host", StorageHost::core), "core");
    EXPECT_EQ(at("storage.host", StorageHost::worker), "worker");
    EXPECT_EQ(at("storage.durability", DurabilityLevel::none), "none");
    EXPECT_EQ(at("storage.durability", DurabilityLevel::process), "process");
    EXPECT_EQ(at("storage.durability", DurabilityLevel::machine), "machine");
    EXPECT_EQ(at("storage.durability", DurabilityLevel::replicated), "replicated");
    EXPECT_EQ(at("log.transactions", LogTransactions::all), "all");
    EXPECT_EQ(at("log.transactions", LogTransactions::errors), "errors");
    EXPECT_EQ(at("log.transactions", LogTransactions::none), "none");
}

// A value printed as TOML is read back as the same value: value_text is what the parser understands.
TEST(Keys, PrintedConfigurationIsReadBack) {
    Config config;
    config.server.hostname = "mx.example.com";
    config.server.cores = 2;
    config.accept.domains = {"example.com", "example.org"};
    config.smtp.message_bytes_max = 12345678;
    config.smtp.bare_newline_exceptions = {{*Network::parse("192.0.2.0/24"), BareNewlineMode::reject}};
    config.storage.host = StorageHost::core;
    config.storage.plugin.options = {
        {"text", "a \"b\" \\ \x01\n\u00e4"}, {"list", "one"}, {"list", "two"}, {"number", "5"}};
    std::string text;
    for (const Key& key : keys()) {
        if (key.name != "storage.durability")
            text.append(key.name).append(" = ").append(value_text(key, config)) += '\n';
    }
    const auto again = load_text(text, "printed", "");
    ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
    for (const Key& key : keys())
        EXPECT_EQ(value_text(key, *again), value_text(key, config)) << key.name;
}

TEST(Documentation, TablesAreThoseOfTheKeyTable) {
    const std::string doc = read_doc("configuration.md");
    const std::string begin = "<!-- keys: printed by `ringmx check --print-keys` -->\n";
    const std::string end = "\n<!-- end of keys -->";
    const std::size_t from = doc.find(begin);
    const std::size_t to = doc.find(end);
    ASSERT_NE(from, std::string::npos);
    ASSERT_NE(to, std::string::npos);
    EXPECT_EQ(doc.substr(from + begin.size(), to - from - begin.size()), markdown_tables());
}

TEST(Documentation, ExampleLoadsAndNamesEveryKey) {
    const std::string text = read_doc("examples/ringmx.toml");
    const auto config = load_text(text, "docs/examples/ringmx.toml", "/etc/ringmx");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->accept.domains, (std::vector<std::string>{"example.com", "example.org"}));
    EXPECT_TRUE(warnings(*config).empty());

    // Every key stands in its section, as a setting or as a commented one.
    std::istringstream lines(text);
    std::set<std::string> named;
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("[")) section = line.substr(1, line.find(']') - 1);
        if (line.starts_with("#")) line.erase(0, 1);
        const std::size_t equals = line.find(" = ");
        if (equals != std::string::npos) named.insert(section + "." + line.substr(0, line.find(' ')));
    }
    for (const Key& key : keys())
        EXPECT_TRUE(named.count(std::string(key.name))) << key.name;
}

}  // namespace
}  // namespace ringmx::config
