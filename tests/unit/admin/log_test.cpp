// The log ring and the log thread: nothing is lost in silence, nothing is torn, rotation loses no line.
#include "admin/log.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringmx::admin {
namespace {

constexpr std::size_t kSmallRing = 4 * kLogRecordBytesMax;

EventRecord numbered(std::uint64_t number, std::string_view text) {
    EventRecord record;
    record.wall_us = static_cast<std::int64_t>(number);
    record.event = "test";
    record.text = text;
    return record;
}

TEST(CoreLog, RecordsComeOutInOrderAcrossManyWraps) {
    CoreLog log(LogFilter::all, kSmallRing);
    const std::string text(kLogTextBytesMax, 'x');
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    for (int round = 0; round < 1000; ++round) {
        for (int i = 0; i < round % 7; ++i) {
            log.write(numbered(written, std::string_view(text).substr(0, written * 37 % text.size())));
            ++written;
        }
        log.drain(SIZE_MAX, [&](Bytes bytes) {
            const auto record = std::get<EventRecord>(decode(bytes));
            EXPECT_EQ(record.wall_us, static_cast<std::int64_t>(read));
            EXPECT_EQ(record.text, std::string_view(text).substr(0, read * 37 % text.size()));
            ++read;
        });
    }
    EXPECT_EQ(read, written);
    EXPECT_EQ(log.dropped(), 0u);
}

TEST(CoreLog, FullRingDropsAndCounts) {
    CoreLog log(LogFilter::all, kSmallRing);
    const std::string text(kLogTextBytesMax, 'x');
    constexpr std::uint64_t kWritten = 1000;
    for (std::uint64_t i = 0; i < kWritten; ++i)
        log.write(numbered(i, text));
    EXPECT_GT(log.dropped(), 0u);
    std::uint64_t read = 0;
    log.drain(SIZE_MAX, [&](Bytes bytes) {
        EXPECT_EQ(std::get<EventRecord>(decode(bytes)).wall_us, static_cast<std::int64_t>(read));
        ++read;
    });
    EXPECT_EQ(read + log.dropped(), kWritten);
    // Room again: writing goes on.
    log.write(numbered(0, text));
    EXPECT_EQ(log.drain(SIZE_MAX, [](Bytes) {}), 1u);
}

// With the reader anywhere in the ring, a writer that has filled it has touched nothing that is unread.
TEST(CoreLog, FullRingKeepsWhatIsUnreadWhereverTheReaderIs) {
    CoreLog log(LogFilter::all, kSmallRing);
    const std::string text(kLogTextBytesMax, 'x');
    std::uint64_t number = 0;
    std::vector<std::uint64_t> unread;
    for (std::size_t round = 1; round < 500; ++round) {
        for (std::uint64_t dropped = log.dropped(); log.dropped() == dropped; ++number) {
            log.write(numbered(number, std::string_view(text).substr(0, number * 31 % text.size())));
            if (log.dropped() == dropped) unread.push_back(number);
        }
        std::size_t read = 0;
        log.drain(1 + round % 13, [&](Bytes bytes) {
            const auto record = std::get<EventRecord>(decode(bytes));
            ASSERT_EQ(record.wall_us, static_cast<std::int64_t>(unread[read]));
            ASSERT_EQ(record.text.size(), unread[read] * 31 % text.size());
            ++read;
        });
        unread.erase(unread.begin(), unread.begin() + static_cast<std::ptrdiff_t>(read));
    }
}

TEST(CoreLog, DrainStopsAtItsLimit) {
    CoreLog log(LogFilter::all, kSmallRing);
    for (std::uint64_t i = 0; i < 10; ++i)
        log.write(numbered(i, "x"));
    EXPECT_EQ(log.drain(4, [](Bytes) {}), 4u);
    EXPECT_EQ(log.drain(100, [](Bytes) {}), 6u);
}

TEST(CoreLog, FilterLeavesOutTransactionsAndKeepsEvents) {
    const auto records_with = [](LogFilter filter) {
        CoreLog log(filter, kSmallRing);
        TransactionRecord stored;
        stored.end = TransactionEnd::stored;
        log.write(stored);
        log.write(TransactionRecord{});
        log.write(EventRecord{});
        return log.drain(SIZE_MAX, [](Bytes) {});
    };
    EXPECT_EQ(records_with(LogFilter::all), 3u);
    EXPECT_EQ(records_with(LogFilter::errors), 2u);
    EXPECT_EQ(records_with(LogFilter::none), 1u);
}

TEST(CoreLog, ProducerAndConsumerRunAtOnce) {
    CoreLog log(LogFilter::all, kSmallRing);
    constexpr std::uint64_t kWritten = 100000;
    std::thread producer([&log] {
        const std::string text(200, 'y');
        for (std::uint64_t i = 0; i < kWritten; ++i) {
            log.write(numbered(i, std::string_view(text).substr(0, i % text.size())));
        }
    });
    std::uint64_t read = 0;
    std::int64_t last = -1;
    const auto take = [&](Bytes bytes) {
        const auto record = std::get<EventRecord>(decode(bytes));
        EXPECT_GT(record.wall_us, last);
        EXPECT_EQ(record.text.size(), static_cast<std::size_t>(record.wall_us) % 200);
        last = record.wall_us;
        ++read;
    };
    while (read + log.dropped() < kWritten)
        log.drain(SIZE_MAX, take);
    producer.join();
    log.drain(SIZE_MAX, take);
    EXPECT_EQ(read + log.dropped(), kWritten);
}

class LogFile : public testing::Test {
 protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("ringmx-log-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directory(folder_);
        path_ = folder_ / "log";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    static std::vector<std::string> lines_of(const std::string& path) {
        std::ifstream file(path);
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);)
            lines.push_back(line);
        return lines;
    }
    std::unique_ptr<Log> open(std::uint32_t cores = 1) {
        auto log = Log::open({path_, LogFilter::all, cores, kSmallRing});
        EXPECT_TRUE(log.ok());
        return std::move(*log);
    }

    std::filesystem::path folder_;
    std::string path_;
};

TEST_F(LogFile, StopWritesEverythingFromCoresAndProcess) {
    {
        const auto log = open(2);
        log->event(LogLevel::info, "start", "serving", {{"kernel", "6.1"}});
        log->core(0).write(numbered(1, "zero"));
        log->core(1).write(numbered(2, "one"));
        log->stop();
        log->stop();  // idempotent
    }
    const auto lines = lines_of(path_);
    ASSERT_EQ(lines.size(), 3u);
    // The thread may have looked in between, so the order is open.
    const std::string all = lines[0] + lines[1] + lines[2];
    EXPECT_NE(all.find("\"event\":\"start\",\"kernel\":\"6.1\",\"text\":\"serving\"}"), std::string::npos);
    EXPECT_NE(all.find("\"text\":\"zero\""), std::string::npos);
    EXPECT_NE(all.find("\"text\":\"one\""), std::string::npos);
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07, 0u);  // not for everyone
}

// The log thread would not look for an hour: it is the ring that wakes it, long before it is full.
TEST_F(LogFile, FillingRingIsReadBeforeItIsFull) {
    constexpr std::uint64_t kWritten = 400;  // many times what the ring holds
    std::atomic<std::uint64_t> seen{0};
    LogOptions options;
    options.ring_bytes = kSmallRing;
    options.interval_ms = 3'600'000;
    options.sink = [&seen](std::string_view) { ++seen; };
    const auto log = Log::open(options);
    ASSERT_TRUE(log.ok());
    const std::string text(kLogTextBytesMax, 'x');
    for (std::uint64_t i = 0; i < kWritten; ++i) {
        (*log)->core(0).write(numbered(i, text));
        // Behind the first three quarters of a ring nothing more is written until there has been a look.
        for (int ms = 0; i % 8 == 7 && seen.load() + 8 <= i; ++ms) {
            ASSERT_LT(ms, 10'000);
            usleep(1000);
        }
    }
    EXPECT_EQ((*log)->core(0).dropped(), 0u);
    EXPECT_GE(seen.load() + 16, kWritten);
}

TEST_F(LogFile, LastEventOfTheProcessIsTheLastLine) {
    const auto log = open();
    for (std::uint64_t i = 0; i < 20; ++i)
        log->core(0).write(numbered(i, "core"));
    log->event(LogLevel::info, "stop", "");
    log->stop();
    const auto lines = lines_of(path_);
    ASSERT_EQ(lines.size(), 21u);
    EXPECT_NE(lines.back().find("\"event\":\"stop\""), std::string::npos);
}

TEST_F(LogFile, LinesAreAppendedToAnExistingFile) {
    std::ofstream(path_) << "{\"old\":1}\n";
    open()->core(0).write(numbered(1, "new"));
    const auto lines = lines_of(path_);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], "{\"old\":1}");
}

TEST_F(LogFile, DroppedRecordsAreReportedAndCounted) {
    const auto log = open();
    for (std::uint64_t i = 0; i < 5000; ++i)
        log->core(0).write(numbered(i, std::string(kLogTextBytesMax, 'x')));
    log->stop();
    const std::uint64_t dropped = log->records_dropped();
    ASSERT_GT(dropped, 0u);
    std::uint64_t reported = 0;
    std::uint64_t written = 0;
    for (const std::string& line : lines_of(path_)) {
        const std::size_t at = line.find("\"records\":\"");
        if (at == std::string::npos)
            ++written;
        else
            reported += std::stoull(line.substr(at + 11));
    }
    EXPECT_EQ(reported, dropped);
    EXPECT_EQ(written + dropped, 5000u);
}

TEST_F(LogFile, RotationLosesNoLine) {
    const std::string old_path = path_ + ".1";
    const auto log = open();
    std::uint64_t written = 0;
    const auto burst = [&] {
        for (int i = 0; i < 10; ++i)
            log->event(LogLevel::info, "n", std::to_string(written++));
    };
    burst();
    while (lines_of(path_).size() < 10)
        std::this_thread::yield();
    std::filesystem::rename(path_, old_path);
    burst();
    log->reopen();
    while (!std::filesystem::exists(path_))
        std::this_thread::yield();
    burst();
    log->stop();
    EXPECT_EQ(lines_of(old_path).size() + lines_of(path_).size(), written);
    EXPECT_GE(lines_of(path_).size(), 10u);
}

TEST_F(LogFile, FailedReopenKeepsTheOldFileAndSaysSo) {
    const auto log = open();
    const std::string moved = folder_.string() + ".moved";
    std::filesystem::rename(folder_, moved);
    log->reopen();
    log->event(LogLevel::info, "after", "");
    log->stop();
    std::string all;
    for (const std::string& line : lines_of(moved + "/log"))
        all += line;
    EXPECT_NE(all.find("log_reopen_failed"), std::string::npos) << all;
    EXPECT_NE(all.find("\"event\":\"after\""), std::string::npos) << all;
    std::filesystem::remove_all(moved);
}

TEST_F(LogFile, OutputThatTakesNothingIsCountedNotFatal) {
    auto log = Log::open({"/dev/full", LogFilter::all, 1, kSmallRing});
    ASSERT_TRUE(log.ok());
    (*log)->event(LogLevel::info, "lost", "");
    (*log)->stop();
    EXPECT_EQ((*log)->lines_lost(), 1u);
}

TEST_F(LogFile, UnopenableFileIsAnErrorThatNamesIt) {
    const auto log = Log::open({folder_ / "none" / "log", LogFilter::all, 1, kSmallRing});
    ASSERT_FALSE(log.ok());
    EXPECT_EQ(log.error().message,
              "log.path: cannot open " + (folder_ / "none" / "log").string() + ": No such file or directory");
}

TEST_F(LogFile, ManyThreadsLogAtOnce) {
    constexpr std::uint32_t kCores = 3;
    constexpr std::uint64_t kEach = 2000;
    const auto log = open(kCores);
    std::vector<std::thread> threads;
    for (std::uint32_t core = 0; core < kCores; ++core) {
        threads.emplace_back([&log, core] {
            for (std::uint64_t i = 0; i < kEach; ++i) {
                log->core(core).write(numbered(i, "core"));
                if (i % 100 == 0) log->event(LogLevel::info, "process", "event");
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    log->stop();
    std::uint64_t lines = 0;
    for (const std::string& line : lines_of(path_)) {
        EXPECT_EQ(line.front(), '{');
        EXPECT_EQ(line.back(), '}');
        if (line.find("log_records_dropped") == std::string::npos) ++lines;
    }
    EXPECT_EQ(lines + log->records_dropped(), kCores * (kEach + kEach / 100));
}

}  // namespace
}  // namespace ringmx::admin
