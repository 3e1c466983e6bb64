// The table of recipients: what was put in is found and nothing else, whatever is damaged is refused, and
// what happens to the file afterwards does nothing to who has it loaded.
#include "recipients/table.hpp"

#include <cerrno>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipients/table_builder.hpp"
#include "scan/data_scan.hpp"
#include "temporary_file.hpp"

namespace ringmx::recipients {
namespace {

using test::TemporaryFile;
using TablePtr = std::shared_ptr<const Table>;

policy::RecipientKey key(std::string_view local_part, std::string_view domain, std::string_view base = {}) {
    return {local_part, base, domain};
}

BuildReport build(std::string_view text, const TemporaryFile& to, bool skip_bad = false,
                  std::vector<std::string>* bad = nullptr) {
    const TemporaryFile from(text);
    const auto report =
        build_table(from.path(), to.path(), skip_bad, [&](std::uint64_t line, const std::string& problem) {
            if (bad != nullptr) bad->push_back(std::to_string(line) + ": " + problem);
        });
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
    return report.ok() ? *report : BuildReport{};
}

TablePtr load(const TemporaryFile& file) {
    auto table = Table::load(file.path());
    EXPECT_TRUE(table.ok()) << (table.ok() ? "" : table.error().message);
    return table.ok() ? *table : nullptr;
}

std::string refusal(const TemporaryFile& file) {
    const auto table = Table::load(file.path());
    if (table.ok()) return "loaded";
    EXPECT_TRUE(table.error().message.starts_with(file.path() + ": ")) << table.error().message;
    return table.error().message.substr(file.path().size() + 2);
}

TEST(Table, WhatWasPutInIsFoundAndNothingElse) {
    const TemporaryFile file;
    const BuildReport report = build(
        "\xEF\xBB\xBF# in any order, with duplicates\r\n"
        "Zoe@Example.com\nalice@example.com\nalice@EXAMPLE.com # again\n\n"
        "alice@example.org\n@all.example\nbob@all.example\n@all.example\n\"a b\"@example.com\n"
        "root@[192.0.2.1]\nj\xC3\xB6rg@example.com",
        file);
    EXPECT_EQ(report.table.addresses, 7u);
    EXPECT_EQ(report.table.catch_alls, 1u);
    EXPECT_EQ(report.table.domains, 4u);
    EXPECT_EQ(report.given, 10u);
    EXPECT_EQ(report.lines, 12u);
    const TablePtr table = load(file);
    EXPECT_EQ(table->size(), 8u);
    struct Case {
        policy::RecipientKey key;
        bool exists;
    };
    const Case cases[] = {
        {key("alice", "example.com"), true},     {key("alice", "example.org"), true},
        {key("alice", "example.net"), false},    {key("zoe", "example.com"), true},
        {key("zoe", "example.org"), false},      {key("Zoe", "example.com"), false},
        {key("a b", "example.com"), true},       {key("", "example.com"), false},
        {key("bob", "all.example"), true},       {key("anyone", "all.example"), true},
        {key("", "all.example"), true},          {key("alice", ""), false},
        {key("root", "[192.0.2.1]"), true},      {key("j\xC3\xB6rg", "example.com"), true},
        {key("x+y", "example.com", "x"), false}, {key("alice+y", "example.com", "alice"), true},
        {key("alic", "example.com"), false},     {key("alicee", "example.com"), false},
    };
    for (const Case& c : cases)
        EXPECT_EQ(table->contains(c.key), c.exists) << c.key.local_part << "@" << c.key.domain;
}

TEST(Table, NoAddressesAreATableToo) {
    const TemporaryFile file;
    build("", file);
    EXPECT_EQ(load(file)->size(), 0u);
    EXPECT_FALSE(load(file)->contains(key("a", "b.example")));
}

// Against a map that says for each address whether it is in: some thousand domains, long and short parts.
TEST(Table, AddressesOfManyDomainsAreFoundExactly) {
    std::mt19937 random(7);
    std::map<std::string, bool> all;
    std::string text;
    for (int i = 0; i < 60'000; ++i) {
        const std::string local_part = "u" + std::to_string(random() % 20'000) +
                                       std::string(random() % 300 == 0 ? random() % 600 : 0, 'x');
        const std::string address = local_part + "@d" + std::to_string(random() % 3'000) + ".example";
        const bool in = random() % 2 == 0;
        const auto [at, fresh] = all.emplace(address, in);
        if (fresh && in) text += address + "\n";
        if (!fresh && at->second) text += address + "\n";
    }
    const TemporaryFile file;
    build(text, file);
    const TablePtr table = load(file);
    std::uint64_t count = 0;
    for (const auto& [address, in] : all) {
        const std::size_t at = address.find('@');
        ASSERT_EQ(table->contains(key(address.substr(0, at), address.substr(at + 1))), in) << address;
        count += in ? 1 : 0;
    }
    EXPECT_EQ(table->size(), count);
}

// More than the spill keeps in memory: pieces go through its file.
TEST(Table, LargeListsGoThroughTheTemporaryFile) {
    constexpr int kAddresses = 1'500'000;
    const TemporaryFile file;
    auto builder = TableBuilder::create(file.path());
    ASSERT_TRUE(builder.ok());
    for (int i = 0; i < kAddresses; ++i) {
        const std::string local_part = "some.user.number." + std::to_string(i);
        ASSERT_TRUE(builder->add(local_part, "example.com").ok());
        if (i % 10 != 0) continue;
        ASSERT_TRUE(builder->add(local_part, "example.com").ok());
    }
    const auto header = builder->finish();
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(header->addresses, static_cast<std::uint64_t>(kAddresses));
    const TablePtr table = load(file);
    for (int i = 0; i < kAddresses; i += 7) {
        ASSERT_TRUE(table->contains(key("some.user.number." + std::to_string(i), "example.com"))) << i;
        ASSERT_FALSE(table->contains(key("some.user.number.x" + std::to_string(i), "example.com"))) << i;
    }
}

TEST(Table, BadLinesAreReportedWithTheirNumbers) {
    const TemporaryFile file("before");
    std::vector<std::string> bad;
    const std::string text = "a@example.com\nno address\n\nb@example..com\nc@example.com\n";
    const BuildReport report = build(text, file, false, &bad);
    EXPECT_EQ(report.bad_lines, 2u);
    EXPECT_EQ(bad, (std::vector<std::string>{"2: not an address: there is no \"@\"",
                                             "4: the domain has an empty label"}));
    EXPECT_EQ(file.read(), "before") << "no table was written";
    EXPECT_EQ(build(text, file, true).table.addresses, 2u);
    EXPECT_TRUE(load(file)->contains(key("c", "example.com")));
}

TEST(Table, ABuildReplacesTheFileAndKeepsItsMode) {
    const TemporaryFile file;
    build("a@example.com\n", file);
    ASSERT_EQ(chmod(file.path().c_str(), 0640), 0);
    struct stat before {};
    ASSERT_EQ(stat(file.path().c_str(), &before), 0);
    const TablePtr old = load(file);
    build("b@example.com\n", file);
    struct stat after {};
    ASSERT_EQ(stat(file.path().c_str(), &after), 0);
    EXPECT_NE(after.st_ino, before.st_ino) << "renamed, not written over";
    EXPECT_EQ(after.st_mode & 07777, 0640u);
    EXPECT_TRUE(old->contains(key("a", "example.com")));
    EXPECT_TRUE(load(file)->contains(key("b", "example.com")));
    EXPECT_FALSE(std::filesystem::exists(file.path() + ".tmp-" + std::to_string(getpid())));
}

TEST(Table, AFailedBuildLeavesNothingBehind) {
    const auto report = build_table("/nonexistent/input", "/nonexistent/output", false, [](auto, auto&) {});
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().message, "/nonexistent/input: No such file or directory");
    const TemporaryFile text("a@example.com\n");
    EXPECT_FALSE(build_table(text.path(), "/nonexistent/output", false, [](auto, auto&) {}).ok());
    // A folder in the place of the table: the rename fails, and the temporary file goes.
    const std::string folder = text.path() + "-folder";
    std::filesystem::create_directory(folder);
    EXPECT_FALSE(build_table(text.path(), folder, false, [](auto, auto&) {}).ok());
    EXPECT_FALSE(std::filesystem::exists(folder + ".tmp-" + std::to_string(getpid())));
    std::filesystem::remove(folder);
}

// --- damage

TEST(Table, WhatIsNoTableIsNamed) {
    const TemporaryFile file("a@example.com\n");
    EXPECT_EQ(refusal(file), "not a table of recipients");
    file.write("");
    EXPECT_EQ(refusal(file), "not a table of recipients");
    file.write(std::string(10'000, '\0'));
    EXPECT_EQ(refusal(file), "not a table of recipients");
    const auto missing = Table::load("/nonexistent/table");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().message, "/nonexistent/table: No such file or directory");
    EXPECT_FALSE(Table::load(testing::TempDir()).ok()) << "a folder";
}

TEST(Table, EveryFlippedBitIsNoticed) {
    const TemporaryFile file;
    build("alice@example.com\nbob@example.com\n@all.example\n", file);
    const std::string good = file.read();
    const TablePtr table = load(file);
    std::vector<bool> covered(good.size(), false);
    for (std::size_t i = 0; i < table::kHeaderOctets; ++i)
        covered[i] = true;
    for (const table::Section& section : table->header().section) {
        for (std::uint64_t i = 0; i < section.octets; ++i)
            covered[section.offset + i] = true;
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
        file.write(bad);
        if (covered[at]) {
            EXPECT_NE(refusal(file), "loaded") << "octet " << at;
        } else {
            EXPECT_EQ(refusal(file), "loaded") << "padding at " << at;
        }
    }
}

TEST(Table, EveryTruncationIsRefusedAndSoIsWhatIsLonger) {
    const TemporaryFile file;
    build("alice@example.com\nbob@example.com\n@all.example\n", file);
    const std::string good = file.read();
    for (std::size_t octets = 0; octets < good.size(); ++octets) {
        file.write(good.substr(0, octets));
        ASSERT_NE(refusal(file), "loaded") << octets;
    }
    file.write(good + "x");
    EXPECT_NE(refusal(file).find("damaged"), std::string::npos);
}

TEST(Table, AnotherVersionSaysThatItIsToBeBuiltAnew) {
    const TemporaryFile file;
    build("alice@example.com\n", file);
    std::string bytes = file.read();
    store_le(bytes.data() + 8, std::uint32_t{2});
    store_le(bytes.data() + 252, scan::crc32c(0, as_bytes(bytes).first(252)));
    file.write(bytes);
    EXPECT_EQ(refusal(file), "a table of version 2, not 1: build it anew");
}

// Its checksums are right and its contents are not: look-ups stay within it all the same.
TEST(Table, AnIndexThatPointsElsewhereIsRefused) {
    const TemporaryFile file;
    build("alice@example.com\nbob@example.com\n", file);
    const std::string good = file.read();
    const table::Header header = load(file)->header();
    for (const table::SectionName name : {table::domain_index, table::address_index}) {
        const table::Section& section = header.section[name];
        for (std::uint64_t at = 0; at < section.octets; at += 4) {
            std::string bad = good;
            store_le(bad.data() + section.offset + at, std::uint32_t{0x7fff'ffff});
            table::Header mended = header;
            mended.section[name].crc = scan::crc32c(0, as_bytes(bad).subspan(section.offset, section.octets));
            const auto bytes = table::encode(mended);
            std::memcpy(bad.data(), bytes.data(), bytes.size());
            file.write(bad);
            EXPECT_EQ(refusal(file), "damaged: an index does not fit its entries");
        }
    }
}

// A mapping of the file would end the process with SIGBUS here, or give answers of the new contents.
TEST(Table, CuttingOrOverwritingTheFileDoesNothingToALoadedTable) {
    const TemporaryFile file;
    std::string text;
    for (int i = 0; i < 20'000; ++i)
        text += "user" + std::to_string(i) + "@example.com\n";
    build(text, file);
    const std::string good = file.read();
    const TablePtr table = load(file);
    const auto all_there = [&] {
        for (int i = 0; i < 20'000; ++i)
            ASSERT_TRUE(table->contains(key("user" + std::to_string(i), "example.com")));
    };
    ASSERT_EQ(truncate(file.path().c_str(), 4096), 0);
    all_there();
    ASSERT_EQ(truncate(file.path().c_str(), 0), 0);
    all_there();
    file.write(std::string(good.size(), '\xff'));
    all_there();
    std::filesystem::remove(file.path());
    all_there();
}

}  // namespace
}  // namespace ringmx::recipients
