#include "admin/core_log.hpp"

#include "base/assert.hpp"

namespace ringmx::admin {

namespace {

// Far from full, so that nothing is lost before the log thread runs, and little enough to be in the cache
// yet.
constexpr std::size_t kWakeShare = 8;

}  // namespace

CoreLog::CoreLog(LogFilter filter, std::size_t bytes, const EventFd* wake)
    : mask_(bytes - 1),
      filter_(filter),
      wake_(wake),
      memory_(std::make_unique_for_overwrite<std::byte[]>(bytes)) {
    RMX_ASSERT(bytes >= 4 * kLogRecordBytesMax && (bytes & mask_) == 0);
}

void CoreLog::write(const TransactionRecord& record) {
    if (filter_ == LogFilter::none || (filter_ == LogFilter::errors && record.end == TransactionEnd::stored))
        return;
    put(record);
}

void CoreLog::write(const EventRecord& record) {
    put(record);
}

template <typename Record>
void CoreLog::put(const Record& record) {
    const std::size_t octets = encoded_bytes(record);
    RMX_ASSERT(octets <= kLogRecordBytesMax);
    std::byte* const room = reserve(octets);
    if (room == nullptr) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
    }
    store_le(room, static_cast<std::uint64_t>(octets));
    encode(record, room + kPrefixBytes);
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t skipped = at(head) == room ? 0 : mask_ + 1 - (head & mask_);
    const std::uint64_t next = head + skipped + align_up(kPrefixBytes + octets, kPrefixBytes);
    head_.store(next, std::memory_order_release);
    wake_reader(next);
}

void CoreLog::wake_reader(std::uint64_t head) {
    if (head - tail_.load(std::memory_order_relaxed) < (mask_ + 1) / kWakeShare || wake_ == nullptr) return;
    if (woken_.load(std::memory_order_relaxed) || woken_.exchange(true)) return;
    wake_->signal();
}

std::byte* CoreLog::reserve(std::size_t octets) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::size_t whole = align_up(kPrefixBytes + octets, kPrefixBytes);
    const std::size_t to_end = mask_ + 1 - (head & mask_);
    const std::size_t needed = whole <= to_end ? whole : to_end + whole;
    if (head + needed - tail_seen_ > mask_ + 1) {
        tail_seen_ = tail_.load(std::memory_order_acquire);
        if (head + needed - tail_seen_ > mask_ + 1) return nullptr;
    }
    if (whole <= to_end) return at(head);
    store_le(at(head), std::uint64_t{kSkip});
    return memory_.get();
}

}  // namespace ringmx::admin
