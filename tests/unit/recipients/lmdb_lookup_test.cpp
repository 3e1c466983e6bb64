// Recipients in an LMDB database, which another writer changes meanwhile.
#include "recipients/lmdb_lookup.hpp"

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringmx::recipients {
namespace {

using policy::Found;

class LmdbTest : public testing::Test {
 protected:
    LmdbTest() : path_(testing::TempDir() + "ringmx-lmdb-" + std::to_string(getpid())) {
        std::filesystem::create_directory(path_);
    }
    ~LmdbTest() override { std::filesystem::remove_all(path_); }

    // In a process of its own, as any other program: an environment is opened once in a process.
    void write(const std::vector<std::string>& keys, bool remove = false, unsigned flags = 0,
               const std::string& path = {}) {
        const std::string target = path.empty() ? path_ : path;
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) _exit(put(keys, remove, flags, target));
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    static int put(const std::vector<std::string>& keys, bool remove, unsigned flags,
                   const std::string& path) {
        MDB_env* environment = nullptr;
        MDB_txn* transaction = nullptr;
        MDB_dbi table = 0;
        if (mdb_env_create(&environment) != 0 || mdb_env_set_mapsize(environment, 64u << 20) != 0 ||
            mdb_env_open(environment, path.c_str(), flags, 0600) != 0 ||
            mdb_txn_begin(environment, nullptr, 0, &transaction) != 0 ||
            mdb_dbi_open(transaction, nullptr, 0, &table) != 0) {
            return 1;
        }
        for (const std::string& key : keys) {
            MDB_val name{key.size(), const_cast<char*>(key.data())};
            MDB_val value{1, const_cast<char*>("1")};
            if ((remove ? mdb_del(transaction, table, &name, nullptr)
                        : mdb_put(transaction, table, &name, &value, 0)) != 0) {
                return 2;
            }
        }
        return mdb_txn_commit(transaction) == 0 ? 0 : 3;
    }
    std::shared_ptr<const LmdbDatabase> open(const std::string& path = {}) {
        auto opened = LmdbDatabase::open(path.empty() ? path_ : path, 4);
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        return opened.ok() ? *opened : nullptr;
    }
    static Found find(LmdbLookup& lookup, std::string_view local_part,
                      std::string_view domain = "example.com", std::string_view base = {}) {
        return lookup.find({}, {local_part, base, domain});
    }

    const std::string path_;
};

TEST_F(LmdbTest, AddressesBasesAndDomainsAreFound) {
    write({"alice@example.com", "@all.example", std::string("postfix@example.com\0", 20)});
    LmdbLookup lookup(open(), nullptr);
    EXPECT_EQ(find(lookup, "alice"), Found::yes);
    EXPECT_EQ(find(lookup, "alice+tag", "example.com", "alice"), Found::yes);
    EXPECT_EQ(find(lookup, "bob"), Found::no);
    EXPECT_EQ(find(lookup, "bob+alice", "example.com", "bob"), Found::no);
    EXPECT_EQ(find(lookup, "anyone", "all.example"), Found::yes);
    EXPECT_EQ(find(lookup, "", "all.example"), Found::yes);
    EXPECT_EQ(find(lookup, "", "example.com"), Found::no);
    EXPECT_EQ(find(lookup, "postfix"), Found::yes) << "keys that end with an octet of zero";
    EXPECT_EQ(find(lookup, std::string(1000, 'x')), Found::no) << "longer than any key";
    EXPECT_EQ(find(lookup, std::string(1000, 'x'), "all.example"), Found::yes);
}

TEST_F(LmdbTest, AnEmptyDatabaseHasNobody) {
    write({});
    LmdbLookup lookup(open(), nullptr);
    EXPECT_EQ(find(lookup, "alice"), Found::no);
}

TEST_F(LmdbTest, WhatIsCommittedIsSeenByTheNextLookUp) {
    write({"alice@example.com"});
    LmdbLookup lookup(open(), nullptr);
    EXPECT_EQ(find(lookup, "bob"), Found::no);
    write({"bob@example.com"});
    EXPECT_EQ(find(lookup, "bob"), Found::yes);
    write({"alice@example.com"}, true);
    EXPECT_EQ(find(lookup, "alice"), Found::no);
}

TEST_F(LmdbTest, ItMayGrowBeyondItsFirstSize) {
    write({"alice@example.com"});
    LmdbLookup lookup(open(), nullptr);
    EXPECT_EQ(find(lookup, "alice"), Found::yes);
    std::vector<std::string> many;
    for (int i = 0; i < 200'000; ++i)
        many.push_back("user" + std::to_string(i) + "@example.com");
    write(many);
    EXPECT_EQ(find(lookup, "user199999"), Found::yes);
    EXPECT_EQ(find(lookup, "user200000"), Found::no);
}

TEST_F(LmdbTest, AFileOfItsOwnIsADatabaseToo) {
    const std::string file = path_ + "/recipients.mdb";
    write({"alice@example.com"}, false, MDB_NOSUBDIR, file);
    LmdbLookup lookup(open(file), nullptr);
    EXPECT_EQ(find(lookup, "alice"), Found::yes);
}

TEST_F(LmdbTest, WhatIsNoDatabaseIsNamed) {
    const auto missing = LmdbDatabase::open("/nonexistent/db", 1);
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().message, "/nonexistent/db: No such file or directory");
    const auto folder = LmdbDatabase::open(path_, 1);
    ASSERT_FALSE(folder.ok());
    EXPECT_TRUE(folder.error().message.starts_with(path_ + ": ")) << folder.error().message;
}

TEST_F(LmdbTest, CoresReadWhileItIsWritten) {
    write({"alice@example.com"});
    const auto database = open();
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
    std::vector<std::thread> cores;
    for (int core = 0; core < 2; ++core) {
        cores.emplace_back([&] {
            LmdbLookup lookup(database, nullptr);
            while (!stop.load()) {
                if (find(lookup, "alice") != Found::yes || find(lookup, "nobody") != Found::no) ++wrong;
                ++asked;
            }
        });
    }
    for (int round = 0; round < 10; ++round) {
        std::vector<std::string> keys;
        for (int i = 0; i < 500; ++i)
            keys.push_back("user" + std::to_string(round * 500 + i) + "@example.com");
        write(keys);
    }
    while (asked.load() < 100)
        std::this_thread::yield();
    stop = true;
    for (std::thread& core : cores)
        core.join();
    EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace ringmx::recipients
