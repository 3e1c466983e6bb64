// The host on the core's own thread.
#include "storage/core_host.hpp"

#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "fakes.hpp"
#include "storage/discard.hpp"

namespace ringmx::storage {
namespace {

// Keeps what it is given until told to report.
class HoldingBackend final : public Backend {
 public:
    explicit HoldingBackend(StoreSink& sink) : sink_(sink) {}
    BackendTraits traits() const override { return {"holding", Durability::process, false, blocking}; }
    void submit(std::span<const StoreRequest> batch) override {
        batches.push_back(batch.size());
        for (const StoreRequest& request : batch)
            held.push_back(request.message);
    }
    void flush() override { ++flushes; }
    void tick(Now) override { report(); }
    bool accepting() const override { return accepts; }
    void close() override {}
    std::uint64_t outstanding() const override { return held.size(); }
    const BackendCounters& counters() const override { return counters_; }
    void report() {
        std::vector<Message*> reported;
        reported.swap(held);
        for (Message* message : reported)
            sink_.message_done(message, StoreStatus::stored, {});
    }
    std::vector<Message*> held;
    std::vector<std::size_t> batches;
    int flushes = 0;
    bool accepts = true;
    bool blocking = false;

 private:
    StoreSink& sink_;
    BackendCounters counters_;
};

TEST(CoreHost, OneBatchAFlush) {
    RecordingSink sink;
    HoldingBackend backend(sink);
    const auto host = make_core_host(backend);
    TestMessage messages[3];
    for (TestMessage& each : messages)
        EXPECT_TRUE(host->submit({StoreOp::commit, &each.message, nullptr}));
    EXPECT_TRUE(backend.batches.empty());
    EXPECT_TRUE(host->prepare_to_sleep());  // not flushed yet
    host->flush();
    EXPECT_EQ(backend.batches, std::vector<std::size_t>{3});
    EXPECT_FALSE(host->prepare_to_sleep());
    host->flush();
    EXPECT_EQ(backend.flushes, 2);
    EXPECT_EQ(host->outstanding(), 3u);
    backend.report();
    EXPECT_EQ(host->outstanding(), 0u);
    EXPECT_EQ(host->counters().completed, 3u);
    EXPECT_EQ(sink.done.size(), 3u);
}

TEST(CoreHost, FullQueueTakesNothing) {
    RecordingSink sink;
    HoldingBackend backend(sink);
    const auto host = make_core_host(backend, 2);
    TestMessage messages[3];
    EXPECT_TRUE(host->submit({StoreOp::commit, &messages[0].message, nullptr}));
    host->flush();
    EXPECT_TRUE(host->submit({StoreOp::commit, &messages[1].message, nullptr}));
    EXPECT_FALSE(host->submit({StoreOp::commit, &messages[2].message, nullptr}));
    EXPECT_EQ(host->counters().queue_full, 1u);
    EXPECT_EQ(host->counters().depth, 2u);
    backend.report();
    EXPECT_TRUE(host->submit({StoreOp::commit, &messages[2].message, nullptr}));
}

TEST(CoreHost, WhatIsReportedAtOnceKeepsTheCoreAwake) {
    RecordingSink sink;
    DiscardBackend backend(sink);
    const auto host = make_core_host(backend);
    TestMessage message;
    ASSERT_TRUE(host->submit({StoreOp::commit, &message.message, nullptr}));
    host->flush();
    EXPECT_EQ(sink.done.size(), 1u);
    EXPECT_TRUE(host->prepare_to_sleep());
    host->poll();
    EXPECT_FALSE(host->prepare_to_sleep());
}

TEST(CoreHost, WhatATickReportsKeepsTheCoreAwake) {
    RecordingSink sink;
    HoldingBackend backend(sink);
    const auto host = make_core_host(backend);
    TestMessage message;
    ASSERT_TRUE(host->submit({StoreOp::commit, &message.message, nullptr}));
    host->flush();
    host->poll();
    EXPECT_FALSE(host->prepare_to_sleep());
    host->tick(Now{});
    EXPECT_TRUE(host->prepare_to_sleep());
}

// A sink that submits from within a report must not disturb the batch that is being submitted.
struct ChainingSink final : StoreSink {
    Host* host = nullptr;
    std::vector<Message*> more;
    int done = 0;
    void part_done(Message*, Chunk*, StoreStatus) override {}
    void message_done(Message*, StoreStatus, std::string_view) override {
        ++done;
        if (more.empty()) return;
        Message* next = more.back();
        more.pop_back();
        EXPECT_TRUE(host->submit({StoreOp::commit, next, nullptr}));
    }
};

TEST(CoreHost, SinkMaySubmitFromWithinAReport) {
    ChainingSink sink;
    DiscardBackend backend(sink);
    const auto host = make_core_host(backend);
    sink.host = host.get();
    TestMessage messages[6];
    for (int i = 2; i < 6; ++i)
        sink.more.push_back(&messages[i].message);
    ASSERT_TRUE(host->submit({StoreOp::commit, &messages[0].message, nullptr}));
    ASSERT_TRUE(host->submit({StoreOp::commit, &messages[1].message, nullptr}));
    host->flush();
    EXPECT_EQ(sink.done, 2);
    EXPECT_TRUE(host->prepare_to_sleep());
    host->flush();
    host->flush();
    EXPECT_EQ(sink.done, 6);
}

TEST(CoreHost, PassesOnWhetherTheBackendAccepts) {
    RecordingSink sink;
    HoldingBackend backend(sink);
    const auto host = make_core_host(backend);
    EXPECT_TRUE(host->accepting());
    backend.accepts = false;
    EXPECT_FALSE(host->accepting());
}

TEST(CoreHostDeathTest, RefusesABlockingBackend) {
    RecordingSink sink;
    HoldingBackend backend(sink);
    backend.blocking = true;
    EXPECT_DEATH((void)make_core_host(backend), "invariant");
}

}  // namespace
}  // namespace ringmx::storage
