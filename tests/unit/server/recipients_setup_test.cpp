// Recipients that are loaded anew while cores look them up, and what is refused.
#include "server/recipients_setup.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "policy/accept_policy.hpp"
#include "recipients/table_builder.hpp"

namespace ringmx::server {
namespace {

class RecipientsSetupTest : public testing::Test {
 protected:
    RecipientsSetupTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "recipients-setup-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        file_ = folder_ + "/recipients";
        config_.domains = {"example.com"};
        config_.recipients = file_;
        config_.recipients_check_s = 3600;
        log_ = std::move(*admin::Log::open({.path = {}, .cores = 1, .sink = [this](std::string_view line) {
                                                const std::lock_guard lock(mutex_);
                                                lines_ += std::string(line) + "\n";
                                            }}));
    }
    ~RecipientsSetupTest() override {
        policy_.reset();
        setup_.reset();
        log_->stop();
        std::filesystem::remove_all(folder_);
    }
    void replace(const std::string& text) {
        std::ofstream(file_ + ".new") << text;
        std::filesystem::rename(file_ + ".new", file_);
    }
    void build(const std::string& text) {
        std::ofstream(file_ + ".txt") << text;
        ASSERT_TRUE(recipients::build_table(file_ + ".txt", file_, false, [](auto, auto&) {}).ok());
    }
    std::unique_ptr<policy::AcceptPolicy> policy_of(unsigned core) {
        return std::make_unique<policy::AcceptPolicy>(setup_->domains(), setup_->lookup(core, counters_));
    }
    void open() {
        auto opened = RecipientsSetup::open(config_, 4, counters_, *log_);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        setup_ = std::move(*opened);
        setup_->start();
        policy_ = policy_of(0);
    }
    static int code_of(policy::AcceptPolicy& policy, std::string_view local_part) {
        return policy.on_recipient({}, {}, {}, {"", local_part, "example.com", 0}).reply.code;
    }
    int code_of(std::string_view local_part) { return code_of(*policy_, local_part); }
    void reload() {
        const std::uint64_t before =
            counters_.recipients_reloads.get() + counters_.recipients_reloads_refused.get();
        setup_->reload();
        ASSERT_TRUE(comes_to([&] {
            return counters_.recipients_reloads.get() + counters_.recipients_reloads_refused.get() > before;
        }));
    }
    static bool comes_to(const std::function<bool()>& condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return true;
    }
    bool log_has(const std::string& text) {
        return comes_to([&] {
            const std::lock_guard lock(mutex_);
            return lines_.find(text) != std::string::npos;
        });
    }

    std::string folder_;
    std::string file_;
    config::AcceptConfig config_;
    admin::CoreCounters counters_;
    std::mutex mutex_;
    std::string lines_;
    std::unique_ptr<admin::Log> log_;
    std::unique_ptr<RecipientsSetup> setup_;
    std::unique_ptr<policy::AcceptPolicy> policy_;
};

TEST_F(RecipientsSetupTest, AReloadIsSeenByTheNextLookUp) {
    replace("alice@example.com\n");
    open();
    EXPECT_EQ(code_of("alice"), 0);
    EXPECT_EQ(code_of("bob"), 550);
    replace("bob@example.com\n");
    EXPECT_EQ(code_of("bob"), 550);
    reload();
    EXPECT_EQ(code_of("bob"), 0);
    EXPECT_EQ(code_of("alice"), 550);
    EXPECT_TRUE(log_has("loaded anew"));
}

TEST_F(RecipientsSetupTest, AChangedFileIsNoticed) {
    config_.recipients_check_s = 1;
    replace("alice@example.com\n");
    open();
    replace("bob@example.com\n");
    EXPECT_TRUE(comes_to([&] { return code_of("bob") == 0; }));
    std::ofstream(file_, std::ios::app) << "carol@example.com\n";  // in place, too, once it has settled
    EXPECT_TRUE(comes_to([&] { return code_of("carol") == 0; }));
    EXPECT_EQ(counters_.recipients_reloads_refused.get(), 0u);
}

TEST_F(RecipientsSetupTest, ABadTextFileIsRefusedAndTheListBeforeKept) {
    replace("alice@example.com\n");
    open();
    const std::pair<const char*, const char*> bad[] = {
        {"bob@example.com\nno address\n", ":2: not an address"},
        {"bob@foreign.example\n", ":1: domain \\\"foreign.example\\\" is not among the accepted domains"},
    };
    std::uint64_t refused = 0;
    for (const auto& [text, reason] : bad) {
        replace(text);
        reload();
        EXPECT_EQ(counters_.recipients_reloads_refused.get(), ++refused);
        EXPECT_EQ(code_of("alice"), 0);
        EXPECT_EQ(code_of("bob"), 550);
        EXPECT_TRUE(log_has(reason)) << reason;
    }
    std::filesystem::remove(file_);
    reload();
    EXPECT_EQ(counters_.recipients_reloads_refused.get(), ++refused);
    EXPECT_EQ(code_of("alice"), 0);
    EXPECT_EQ(counters_.recipients_reloads.get(), 0u);
    replace("bob@example.com\n");
    reload();
    EXPECT_EQ(code_of("bob"), 0);
}

TEST_F(RecipientsSetupTest, WhatWasRefusedIsTakenOnceItIsGoodAndToldOnce) {
    config_.recipients_check_s = 1;
    replace("alice@example.com\n");
    open();
    replace("nonsense\n");
    EXPECT_TRUE(comes_to([&] { return counters_.recipients_reloads_refused.get() == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    EXPECT_EQ(counters_.recipients_reloads_refused.get(), 1u);
    replace("bob@example.com\n");
    EXPECT_TRUE(comes_to([&] { return code_of("bob") == 0; }));
}

TEST_F(RecipientsSetupTest, TablesAreLoadedAnewAndDamagedOnesRefused) {
    config_.recipients = "table:" + file_;
    build("alice@example.com\n");
    open();
    EXPECT_EQ(code_of("alice"), 0);
    build("bob@example.com\n");
    reload();
    EXPECT_EQ(code_of("bob"), 0);
    EXPECT_EQ(code_of("alice"), 550);
    std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 1);
    reload();
    EXPECT_EQ(counters_.recipients_reloads_refused.get(), 1u);
    EXPECT_TRUE(log_has("damaged"));
    EXPECT_EQ(code_of("bob"), 0);
    std::ofstream(file_, std::ios::trunc);
    reload();
    EXPECT_EQ(code_of("bob"), 0);
}

TEST_F(RecipientsSetupTest, AStartWithoutAGoodFileFails) {
    EXPECT_FALSE(RecipientsSetup::open(config_, 1, counters_, *log_).ok());
    replace("nonsense\n");
    const auto opened = RecipientsSetup::open(config_, 1, counters_, *log_);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find(file_ + ":1: "), std::string::npos);
    EXPECT_FALSE(check_recipients(config_).ok());
    config_.recipients = "table:" + file_;
    EXPECT_NE(check_recipients(config_).error().message.find("not a table"), std::string::npos);
}

TEST_F(RecipientsSetupTest, WithoutRecipientsEverybodyExists) {
    config_.recipients = "";
    open();
    EXPECT_EQ(code_of("anyone"), 0);
    setup_->reload();
}

// Under the thread sanitizer this is the test of what crosses threads.
TEST_F(RecipientsSetupTest, CoresLookUpWhileTablesChange) {
    config_.recipients = "table:" + file_;
    build("always@example.com\nodd@example.com\n");
    open();
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
    std::vector<std::thread> cores;
    for (unsigned core = 0; core < 3; ++core) {
        cores.emplace_back([&, core] {
            const auto policy = policy_of(core);
            while (!stop.load()) {
                if (code_of(*policy, "always") != 0 || code_of(*policy, "never") != 550) ++wrong;
                policy->collect();
                ++asked;
            }
        });
    }
    for (int round = 0; round < 20; ++round) {
        build(round % 2 == 0 ? "always@example.com\neven@example.com\n"
                             : "always@example.com\nodd@example.com\n");
        reload();
        EXPECT_EQ(code_of("even"), round % 2 == 0 ? 0 : 550);
        const int target = asked.load() + 50;
        ASSERT_TRUE(comes_to([&] { return asked.load() > target; }));
    }
    stop = true;
    for (std::thread& core : cores)
        core.join();
    EXPECT_EQ(wrong.load(), 0);
    EXPECT_EQ(counters_.recipients_reloads.get(), 20u);
}

}  // namespace
}  // namespace ringmx::server
