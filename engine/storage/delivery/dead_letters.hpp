// DeadLetters: the spool of messages that were given up: refused for good, or too old. An ordinary spool
// (docs/spool-format.md) in a folder of its own, written by the same code as any other, through a ring of
// this object's. A letter's envelope is the message's, followed by the records dead_us, dead_attempts and
// dead_reason.
//
// Nothing is opened before the first letter, unless the spool is there already. One thread; blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/message_id.hpp"
#include "base/result.hpp"
#include "message/message.hpp"
#include "ring/ring.hpp"
#include "storage/backend.hpp"
#include "storage/spool/spool.hpp"

namespace ringmx::storage::delivery {

struct DeadLetter {
    MessageId id;
    Bytes envelope;
    Bytes content;  // trace headers and mail data
    std::uint32_t trace_bytes = 0;
    std::int64_t wall_us = 0;  // now
    std::uint32_t attempts = 0;
    std::string_view reason;  // cut at limits::dead_reason_octets_max
    bool kept = false;        // out: it is durable
};

// The envelope without what it says of an earlier death.
Bytes without_death(Bytes envelope);
// The message's envelope, followed by the records of its death.
std::vector<std::byte> envelope_of(const DeadLetter& letter);

class DeadLetters final : private StoreSink {
 public:
    explicit DeadLetters(spool::SpoolOptions options);
    ~DeadLetters();
    DeadLetters(const DeadLetters&) = delete;
    DeadLetters& operator=(const DeadLetters&) = delete;

    // Opens the spool if its folder is there. An Error is the start's.
    Status open_existing();
    // Returns when every letter is durable, or known not to be: see DeadLetter::kept. The first error, if
    // any.
    Status write(std::span<DeadLetter> letters);
    // About four times a second.
    void tick();
    void close();

    const std::string& path() const { return options_.path; }

 private:
    struct Piece;  // a chunk with memory of its own
    struct Job;    // a letter on its way

    Status make_ring();
    Status open();
    void write_one(Job& job);
    Piece& free_piece();
    void turn();
    void part_done(Message* message, Chunk* chunk, StoreStatus status) override;
    void message_done(Message* message, StoreStatus status, std::string_view text) override;

    spool::SpoolOptions options_;
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<spool::Spool> spool_;
    std::unique_ptr<Backend> backend_;
    std::vector<std::unique_ptr<Piece>> pieces_;
    std::deque<Job>* jobs_ = nullptr;  // of the write() that is going on
    std::string error_;
};

}  // namespace ringmx::storage::delivery
