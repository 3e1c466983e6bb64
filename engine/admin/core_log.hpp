// CoreLog: where a core writes its log, a lock-free single-producer single-consumer ring of bytes between a
// core and the log thread. Writing never blocks or allocates; a record that finds no room is dropped and
// counted. The log thread looks now and then by itself; it is woken, once, when an eighth of the ring is
// full.
//
// Layout: every record is {u32 octets of the record, u32 0} and the record, padded to 8 octets. A record is
// never split: what does not fit before the end of the ring leaves a skip mark there and begins at the front.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "admin/log_record.hpp"
#include "base/event_fd.hpp"
#include "base/limits.hpp"

namespace ringmx::admin {

// Which transactions are written at all.
enum class LogFilter : std::uint8_t { all, errors, none };

class CoreLog {
 public:
    // `bytes` is a power of two, at least 4 * kLogRecordBytesMax. Memory is touched as it is used. `wake`
    // wakes the log thread, null: nothing does; it outlives this.
    explicit CoreLog(LogFilter filter, std::size_t bytes = limits::log_ring_bytes,
                     const EventFd* wake = nullptr);
    CoreLog(const CoreLog&) = delete;
    CoreLog& operator=(const CoreLog&) = delete;

    // --- the core's thread ---
    void write(const TransactionRecord& record);
    void write(const EventRecord& record);

    // --- any thread ---
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

    // --- the log thread ---
    // Gives the records that are there now to f(Bytes), oldest first, at most `records_max`; returns how
    // many.
    template <typename F>
    std::size_t drain(std::size_t records_max, F&& f);

 private:
    static constexpr std::size_t kPrefixBytes = 8;
    static constexpr std::uint32_t kSkip = 0xffffffff;

    template <typename Record>
    void put(const Record& record);
    void wake_reader(std::uint64_t head);
    std::byte* reserve(std::size_t octets);  // null: no room
    std::byte* at(std::uint64_t position) const { return memory_.get() + (position & mask_); }

    // The producer's side.
    alignas(128) std::atomic<std::uint64_t> head_{0};  // octets ever written
    std::uint64_t tail_seen_ = 0;
    std::atomic<std::uint64_t> dropped_{0};
    // The consumer's side.
    alignas(128) std::atomic<std::uint64_t> tail_{0};  // octets ever read
    std::atomic<bool> woken_{false};                   // and it has not begun to read since
    // Constant.
    alignas(128) const std::size_t mask_;
    const LogFilter filter_;
    const EventFd* const wake_;
    std::unique_ptr<std::byte[]> memory_;
};

template <typename F>
std::size_t CoreLog::drain(std::size_t records_max, F&& f) {
    woken_.store(false);  // before looking: what comes after the look wakes again
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    std::size_t records = 0;
    while (tail != head && records < records_max) {
        const auto octets = load_le<std::uint32_t>(at(tail));
        if (octets == kSkip) {
            tail += mask_ + 1 - (tail & mask_);
            continue;
        }
        f(Bytes{at(tail) + kPrefixBytes, octets});
        tail += align_up(kPrefixBytes + octets, kPrefixBytes);
        tail_.store(tail, std::memory_order_release);
        ++records;
    }
    return records;
}

}  // namespace ringmx::admin
