// A spool to write to, a target that answers as it is told, and messages whose contents are known.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../spool/temp_dir.hpp"
#include "../spool/test_messages.hpp"
#include "storage/delivery/observer.hpp"
#include "storage/delivery/target.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/spool.hpp"

namespace ringmx::storage::delivery::test {

using spool::test::TempDir;

// What a message consists of, and the message.
struct TestMail {
    MessageId id;
    std::string envelope;
    std::string content;
    Message message;
    std::vector<spool::test::OwnedChunk> chunks;

    TestMail(MessageId given, const std::vector<std::string>& recipients, std::size_t body_bytes)
        : id(given) {
        // Received under TLS: these fields stand before sender and recipients, and have higher numbers.
        add(EnvelopeField::tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
        add(EnvelopeField::tls_client, std::string(32, 'h') + "CN=client.example");
        add(EnvelopeField::tls_client_problem, "certificate has expired");
        add(EnvelopeField::reverse_path, "sender@example.org");
        for (const std::string& recipient : recipients)
            add(EnvelopeField::forward_path, recipient);
        const std::string trace = "Received: by mx.example; id " + std::string(as_text(id.text())) + "\r\n";
        content = trace;
        while (content.size() < trace.size() + body_bytes)
            content += as_text(id.text());
        content.resize(trace.size() + body_bytes);
        message.id = id;
        message.envelope_bytes = static_cast<std::uint32_t>(envelope.size());
        message.trace_bytes = static_cast<std::uint32_t>(trace.size());
        message.body_bytes = body_bytes;
        const std::string all = envelope + content;
        constexpr std::size_t large = limits::chunk_large_bytes - limits::chunk_headroom_bytes;
        for (std::size_t at = 0; at < all.size(); at += large) {
            chunks.push_back(spool::test::make_chunk(
                ChunkClass::large, as_bytes(all).subspan(at, std::min(large, all.size() - at))));
            (message.first == nullptr ? message.first : message.last->next) = chunks.back().get();
            message.last = chunks.back().get();
        }
    }
    TestMail(const TestMail&) = delete;
    TestMail& operator=(const TestMail&) = delete;

 private:
    void add(EnvelopeField field, std::string_view value) {
        const std::size_t before = envelope.size();
        envelope.resize(before + kEnvelopeRecordHeader + value.size());
        append_envelope_record(
            {reinterpret_cast<std::byte*>(envelope.data()) + before, envelope.size() - before}, field,
            as_bytes(value));
    }
};

struct Answer {
    MessageId id;
    StoreStatus status = StoreStatus::retry;
    std::string text;
};

inline std::unique_ptr<ring::Ring> make_ring() {
    auto made = ring::Ring::create({.submission_entries = 64, .completion_entries = 256, .files_max = 0});
    EXPECT_TRUE(made.ok());
    return std::move(*made);
}

inline spool::SpoolOptions spool_options(const std::string& path) {
    spool::SpoolOptions options;
    options.path = path;
    options.segment_bytes = 1u << 20;
    options.min_free_bytes = 0;
    options.direct_io_required = false;
    return options;
}

// The writing side of a spool.
class SpoolWriter final : public StoreSink {
 public:
    explicit SpoolWriter(const std::string& path) : ring_(make_ring()) {
        auto opened = spool::Spool::open(spool_options(path));
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        spool_ = std::move(*opened);
        auto made = spool::make_spool_backend(*spool_, 0, *ring_, *this);
        EXPECT_TRUE(made.ok());
        backend_ = std::move(*made);
    }
    ~SpoolWriter() override {
        backend_->close();
        backend_.reset();
    }

    TestMail& store(const std::vector<std::string>& recipients, std::size_t body_bytes = 100) {
        TestMail& mail = mails.emplace_back(ids_.next(clock_us_ += 1000), recipients, body_bytes);
        const StoreRequest request{StoreOp::commit, &mail.message, nullptr};
        backend_->submit({&request, 1});
        while (backend_->outstanding() > 0)
            turn();
        return mail;
    }
    void turn() {
        backend_->flush();
        ASSERT_EQ(ring_->enter(kNsPerMs), 0);
        ring_->reap([](const io_uring_cqe&) {});
        backend_->tick(read_clock());
    }
    std::uint64_t backlog() const { return spool_->report().messages; }

    void part_done(Message*, Chunk*, StoreStatus) override {}
    void message_done(Message*, StoreStatus status, std::string_view) override {
        EXPECT_EQ(status, StoreStatus::stored);
    }

    std::deque<TestMail> mails;

 private:
    std::int64_t clock_us_ = read_clock().wall_us;
    MessageIdGenerator ids_;
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<spool::Spool> spool_;
    std::unique_ptr<Backend> backend_;
};

// Keeps what it is given until answer() is called, or answers at once.
class FakeTarget final : public Target {
 public:
    struct Given {
        MessageId id;
        std::string envelope;
        std::string content;
        std::uint64_t cookie = 0;
    };
    std::string_view name() const override { return "fake"; }
    Durability durability() const override { return durability_given; }
    std::size_t submit(std::span<const plugin::Submission> batch) override {
        std::size_t taken = 0;
        for (const plugin::Submission& one : batch) {
            if (under_way.size() >= room) break;
            Given given{one.id, std::string(as_text(one.envelope)), {}, one.cookie};
            for (const Bytes span : one.spans)
                given.content.append(as_text(span));
            seen.push_back(given);
            under_way.push_back(given);
            ++taken;
            if (at_once) answer(one.id, at_once(given));
        }
        most_under_way = std::max(most_under_way, under_way.size());
        return taken;
    }
    void flush() override {}
    void tick() override {}
    void take(const std::function<void(const plugin::Completion&)>& each) override {
        std::vector<plugin::Completion> taken;
        taken.swap(answers_);
        for (const plugin::Completion& one : taken)
            each(one);
    }
    void close() override {
        while (!under_way.empty())
            answer(under_way.front().id, StoreStatus::retry, "closed");
    }

    void answer(const MessageId& id, StoreStatus status, const std::string& text = "because") {
        for (auto one = under_way.begin(); one != under_way.end(); ++one) {
            if (one->id != id) continue;
            answers_.push_back({one->cookie, status, status == StoreStatus::stored ? "" : text});
            under_way.erase(one);
            if (wake) wake();
            return;
        }
        ADD_FAILURE() << "not under way";
    }

    std::function<StoreStatus(const Given&)> at_once;
    std::function<void()> wake;
    std::size_t room = 1000;
    std::size_t most_under_way = 0;
    Durability durability_given = Durability::replicated;
    std::vector<Given> seen;
    std::deque<Given> under_way;

 private:
    std::vector<plugin::Completion> answers_;
};

struct RecordingObserver final : Observer {
    void event(Severity, std::string_view event, std::string_view text, std::string_view id) override {
        events.push_back({std::string(event), std::string(text), std::string(id)});
    }
    struct Event {
        std::string event, text, id;
    };
    std::vector<Event> events;
};

}  // namespace ringmx::storage::delivery::test
