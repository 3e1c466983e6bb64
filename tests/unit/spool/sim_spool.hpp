// SimSpool: a spool on a simulated disk, for tests of one behaviour each.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim_disk.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/spool_backend.hpp"
#include "storage/spool/spool_state.hpp"
#include "test_messages.hpp"

namespace ringmx::storage::spool::test {

class SimSpool : public StoreSink {
 public:
    explicit SimSpool(std::uint64_t seed = 1) : disk(seed) {
        options.path = "/spool";
        options.segment_bytes = 160u << 10;
        options.min_free_bytes = 0;
    }
    ~SimSpool() override {
        if (backend != nullptr) disk.crash();
    }

    void open() {
        auto opened = Spool::open(disk, options);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        spool = std::move(*opened);
        auto start = take_start(*spool, 0);
        auto made_disk = std::make_unique<SimShard>(disk, "/spool/shard-0000");
        shard = made_disk.get();
        auto made = SpoolBackend::create(std::move(*start), std::move(made_disk), *this);
        ASSERT_TRUE(made.ok()) << made.error().message;
        backend = std::move(*made);
    }

    void end() {
        backend.reset();
        spool.reset();
    }

    TestMessage& submit(std::size_t body_bytes) {
        messages.push_back(
            TestMessage::make(ids.next(1'700'000'000'000'000), body_bytes, messages.size() + 1));
        const StoreRequest request{StoreOp::commit, &messages.back()->message, nullptr};
        backend->submit({&request, 1});
        return *messages.back();
    }

    // Loop turns until nothing is outstanding and nothing in flight, a quarter of a second each.
    void settle(int turns = 400) {
        for (int i = 0; i < turns; ++i) {
            backend->flush();
            while (shard->finish_one()) {
            }
            now.mono_ns += kNsPerSecond / 4;
            backend->tick(now);
            if (backend->outstanding() == 0 && shard->in_flight() == 0) return;
        }
    }

    void part_done(Message*, Chunk*, StoreStatus status) override { part_answers.push_back(status); }
    void message_done(Message* message, StoreStatus status, std::string_view) override {
        answers[message->id] = status;
    }

    StoreStatus answer(const TestMessage& message) const {
        const auto found = answers.find(message.message.id);
        EXPECT_NE(found, answers.end()) << "no answer";
        return found == answers.end() ? StoreStatus::reject : found->second;
    }

    // Everything that a reader shows, with its bytes; checks that it is what was submitted.
    std::vector<MessageId> read_all(SpoolReader& reader) {
        std::vector<MessageId> found;
        for (;;) {
            const auto next = reader.next();
            EXPECT_TRUE(next.ok());
            if (!next.ok() || !*next) return found;
            std::vector<std::byte> bytes;
            const Status read = reader.read(**next, Section::whole, [&](Bytes piece) {
                bytes.insert(bytes.end(), piece.begin(), piece.end());
                return true;
            });
            const TestMessage* expected = nullptr;
            for (const auto& message : messages) {
                if (message->message.id == (*next)->id) expected = message.get();
            }
            EXPECT_NE(expected, nullptr) << "a message that never was";
            if (expected == nullptr) continue;
            // A body that fails its check is no message; one that passes is the right one.
            if (!read.ok()) continue;
            EXPECT_TRUE(bytes == expected->bytes) << "other contents";
            found.push_back((*next)->id);
        }
    }

    std::unique_ptr<SpoolReader> reader(ReadOptions read_options = {}) {
        auto made = SpoolReader::open(disk, options.path, read_options);
        EXPECT_TRUE(made.ok());
        return std::move(*made);
    }

    SimDisk disk;
    SpoolOptions options;
    MessageIdGenerator ids{3};
    Now now{kNsPerSecond, 1'700'000'000'000'000};
    std::vector<std::unique_ptr<TestMessage>> messages;
    std::map<MessageId, StoreStatus> answers;
    std::vector<StoreStatus> part_answers;
    std::unique_ptr<Spool> spool;
    std::unique_ptr<SpoolBackend> backend;
    SimShard* shard = nullptr;
};

}  // namespace ringmx::storage::spool::test
