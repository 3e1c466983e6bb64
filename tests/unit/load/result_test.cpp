// The notes that go with figures which are less than they seem.
#include "result.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

std::string notes_of(RunResult result) {
    add_warnings(result);
    std::string all;
    for (const std::string& remark : result.remarks)
        all += remark + "\n";
    return all;
}

RunResult of_threads(std::vector<ThreadTime> threads) {
    RunResult result;
    result.threads = std::move(threads);
    return result;
}

TEST(Result, AGeneratorAtItsLimitIsTold) {
    EXPECT_EQ(notes_of(of_threads({{1000, 940, 10}, {1000, 500, 10}})), "");
    EXPECT_NE(
        notes_of(of_threads({{1000, 500, 10}, {1000, 970, 10}})).find("the generator was the bottleneck"),
        std::string::npos)
        << "one thread is enough";
    EXPECT_NE(notes_of(of_threads({{1000, 500, 300}})).find("waited for a CPU for 30 %"), std::string::npos);
}

TEST(Result, MessagesThatNeverLeftAreTold) {
    RunResult result;
    result.counters.never_sent = 7;
    result.counters.unfinished = 3;
    const std::string notes = notes_of(result);
    EXPECT_NE(notes.find("7 messages were due and never sent"), std::string::npos);
    EXPECT_NE(notes.find("3 messages had no answer"), std::string::npos);
    EXPECT_FALSE(result.all_acknowledged());
}

TEST(Result, TlsFailuresAreThoseOfTls) {
    RunResult result;
    for (const Failure failure : {Failure::starttls, Failure::tls_timeout, Failure::tls_verify, Failure::ehlo,
                                  Failure::rset, Failure::timeout})
        ++result.counters.failures[static_cast<std::size_t>(failure)];
    EXPECT_EQ(result.tls_failures(), 3u);
    for (std::size_t i = 0; i < kFailures; ++i) {
        const std::string name(name_of(static_cast<Failure>(i)));
        EXPECT_EQ(is_of_tls(static_cast<Failure>(i)), name == "starttls" || name.starts_with("tls_")) << name;
    }
}

}  // namespace
}  // namespace ringmx::load
