#include "storage/delivery/dead_letters.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "scan/data_scan.hpp"
#include "storage/delivery/requeue.hpp"

namespace ringmx::storage::delivery {
namespace {

constexpr std::size_t kPieces = 16;  // chunks of 64 KiB: what is on its way to the disk at once
constexpr std::size_t kPieceBytes = limits::chunk_large_bytes - limits::chunk_headroom_bytes;

template <typename T>
void add_number(std::vector<std::byte>& out, EnvelopeField field, T value) {
    std::byte bytes[sizeof value];
    store_le(bytes, value);
    std::byte record[kEnvelopeRecordHeader + sizeof value];
    append_envelope_record(record, field, bytes);
    out.insert(out.end(), std::begin(record), std::end(record));
}

}  // namespace

Bytes without_death(Bytes envelope) {
    EnvelopeReader reader(envelope);
    while (const auto record = reader.next()) {
        if (record->field < EnvelopeField::dead_us || record->field > EnvelopeField::dead_reason) continue;
        const auto at = static_cast<std::size_t>(record->value.data() - envelope.data());
        return envelope.first(at - kEnvelopeRecordHeader);
    }
    return envelope;
}

std::vector<std::byte> envelope_of(const DeadLetter& letter) {
    const Bytes plain = without_death(letter.envelope);
    std::vector<std::byte> out(plain.begin(), plain.end());
    add_number(out, EnvelopeField::dead_us, letter.wall_us);
    add_number(out, EnvelopeField::dead_attempts, letter.attempts);
    const std::string_view reason = letter.reason.substr(0, limits::dead_reason_octets_max);
    const std::size_t before = out.size();
    out.resize(before + kEnvelopeRecordHeader + reason.size());
    append_envelope_record(MutableBytes(out).subspan(before), EnvelopeField::dead_reason, as_bytes(reason));
    return out;
}

struct DeadLetters::Piece {
    Piece()
        : memory(static_cast<std::byte*>(std::aligned_alloc(limits::page_bytes, limits::chunk_large_bytes))) {
        RMX_ASSERT(memory != nullptr);
        chunk.size_class = ChunkClass::large;
        chunk.memory = memory;
        chunk.capacity = limits::chunk_large_bytes;
    }
    ~Piece() { std::free(memory); }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;

    void fill(Bytes head, Bytes tail) {
        chunk.begin = chunk.end = limits::chunk_headroom_bytes;
        chunk.next = nullptr;
        for (const Bytes bytes : {head, tail}) {
            if (bytes.empty()) continue;
            std::memcpy(memory + chunk.end, bytes.data(), bytes.size());
            chunk.end += static_cast<std::uint32_t>(bytes.size());
        }
        chunk.crc = chunk.begin == chunk.end ? 0 : scan::crc32c(0, chunk.payload());
    }

    std::byte* memory;
    Chunk chunk;
    Message* holder = nullptr;  // of the message that it was submitted for; null: free
};

struct DeadLetters::Job {
    DeadLetter* letter = nullptr;
    Message message;
    bool done = false;
};

DeadLetters::DeadLetters(spool::SpoolOptions options) : options_(std::move(options)) {}

DeadLetters::~DeadLetters() {
    close();
}

// While the process may still make rings (server/confinement.hpp), whether there are dead letters or not.
Status DeadLetters::make_ring() {
    if (ring_ != nullptr) return ok_status();
    auto made = ring::Ring::create(
        {.submission_entries = 64, .completion_entries = 256, .files_max = 0, .restricted = true});
    if (!made) return made.error();
    ring_ = std::move(*made);
    return ok_status();
}

Status DeadLetters::open_existing() {
    if (Status made = make_ring(); !made) return made;
    struct stat about {};
    if (::stat(options_.path.c_str(), &about) != 0) return ok_status();
    return open();
}

Status DeadLetters::open() {
    if (backend_ != nullptr) return ok_status();
    if (Status made = make_ring(); !made) return made;
    auto opened = spool::Spool::open(options_);
    if (!opened) return opened.error();
    const Status folder = make_requeue_folder(options_.path);
    if (!folder) return folder;
    auto made = spool::make_spool_backend(**opened, 0, *ring_, *this);
    if (!made) return made.error();
    spool_ = std::move(*opened);
    backend_ = std::move(*made);
    while (pieces_.size() < kPieces)
        pieces_.push_back(std::make_unique<Piece>());
    return ok_status();
}

Status DeadLetters::write(std::span<DeadLetter> letters) {
    for (DeadLetter& letter : letters)
        letter.kept = false;
    if (const Status opened = open(); !opened) return opened;
    error_.clear();
    std::deque<Job> jobs;
    jobs_ = &jobs;
    for (DeadLetter& letter : letters) {
        Job& job = jobs.emplace_back();
        job.letter = &letter;
        write_one(job);
    }
    while (!std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.done; }))
        turn();
    jobs_ = nullptr;
    return error_.empty() ? ok_status() : Status(Error{0, options_.path + ": " + error_});
}

// All pieces but the last leave as parts, so that a large letter needs no more memory than a small one.
void DeadLetters::write_one(Job& job) {
    const std::vector<std::byte> envelope = envelope_of(*job.letter);
    RMX_ASSERT(envelope.size() <= kPieceBytes);
    Message& message = job.message;
    message.id = job.letter->id;
    message.envelope_bytes = static_cast<std::uint32_t>(envelope.size());
    message.trace_bytes = job.letter->trace_bytes;
    message.body_bytes = job.letter->content.size() - job.letter->trace_bytes;
    Bytes rest = job.letter->content;
    Bytes head = envelope;
    for (;;) {
        const Bytes tail = rest.first(std::min(rest.size(), kPieceBytes - head.size()));
        Piece& piece = free_piece();
        piece.fill(head, tail);
        piece.holder = &message;
        rest = rest.subspan(tail.size());
        head = {};
        StoreRequest request{StoreOp::part, &message, &piece.chunk};
        if (rest.empty()) {
            message.first = message.last = &piece.chunk;
            request = {StoreOp::commit, &message, nullptr};
        } else {
            ++message.parts_submitted;
        }
        backend_->submit({&request, 1});
        if (rest.empty()) return;
    }
}

DeadLetters::Piece& DeadLetters::free_piece() {
    for (;;) {
        for (const auto& piece : pieces_) {
            if (piece->holder == nullptr) return *piece;
        }
        turn();
    }
}

void DeadLetters::turn() {
    backend_->flush();
    const int error = ring_->enter(10 * kNsPerMs);
    RMX_ASSERT(error == 0);
    ring_->reap([](const io_uring_cqe&) {});
    backend_->tick(read_clock());
}

void DeadLetters::part_done(Message* message, Chunk* chunk, StoreStatus status) {
    for (const auto& piece : pieces_) {
        if (&piece->chunk == chunk) piece->holder = nullptr;
    }
    if (status != StoreStatus::stored) message->part_failed = true;
}

void DeadLetters::message_done(Message* message, StoreStatus status, std::string_view text) {
    for (const auto& piece : pieces_) {
        if (piece->holder == message) piece->holder = nullptr;
    }
    for (Job& job : *jobs_) {
        if (&job.message != message) continue;
        job.done = true;
        job.letter->kept = status == StoreStatus::stored;
        if (!job.letter->kept && error_.empty()) error_ = text;
    }
}

void DeadLetters::tick() {
    if (backend_ == nullptr) return;
    backend_->tick(read_clock());
    backend_->flush();
    const int error = ring_->enter(0);
    RMX_ASSERT(error == 0);
    ring_->reap([](const io_uring_cqe&) {});
}

void DeadLetters::close() {
    if (backend_ == nullptr) return;
    backend_->close();
    backend_.reset();
    spool_.reset();
    ring_.reset();
    pieces_.clear();
}

}  // namespace ringmx::storage::delivery
