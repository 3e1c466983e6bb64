#include "storage/core_host.hpp"

#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace ringmx::storage {
namespace {

class CoreHost final : public Host {
 public:
    CoreHost(Backend& backend, std::uint32_t queue_entries)
        : backend_(backend), queue_entries_(queue_entries) {
        RMX_ASSERT(!backend.traits().blocking);
        gathered_.reserve(queue_entries);
        batch_.reserve(queue_entries);
    }

    BackendTraits traits() const override { return backend_.traits(); }

    bool submit(const StoreRequest& request) override {
        if (outstanding() >= queue_entries_) {
            ++queue_full_;
            return false;
        }
        gathered_.push_back(request);
        ++submitted_;
        return true;
    }

    void flush() override {
        // The backend may report at once, and the sink may submit again: that is for the next flush.
        const std::uint64_t before = completed();
        batch_.clear();
        batch_.swap(gathered_);
        if (!batch_.empty()) backend_.submit(batch_);
        batch_.clear();
        backend_.flush();
        reported_ = reported_ || completed() != before;
    }

    void poll() override { reported_ = false; }
    // What was reported in flush() or tick() is not acted upon yet.
    bool prepare_to_sleep() override { return reported_ || !gathered_.empty(); }
    void woke_up() override {}

    void tick(Now now) override {
        const std::uint64_t before = completed();
        backend_.tick(now);
        reported_ = reported_ || completed() != before;
    }

    bool accepting() const override { return backend_.accepting(); }
    std::uint64_t outstanding() const override {
        return gathered_.size() + batch_.size() + backend_.outstanding();
    }

    HostCounters counters() const override {
        HostCounters counters;
        counters.submitted = submitted_;
        counters.completed = completed();
        counters.depth = outstanding();
        counters.queue_full = queue_full_;
        return counters;
    }
    BackendCounters backend_counters() const override { return backend_.counters(); }

 private:
    std::uint64_t completed() const { return submitted_ - gathered_.size() - backend_.outstanding(); }

    Backend& backend_;
    const std::uint32_t queue_entries_;
    std::vector<StoreRequest> gathered_;  // since the last flush
    std::vector<StoreRequest> batch_;     // being submitted
    std::uint64_t submitted_ = 0;
    std::uint64_t queue_full_ = 0;
    bool reported_ = false;  // since the last poll
};

}  // namespace

std::unique_ptr<Host> make_core_host(Backend& backend, std::uint32_t queue_entries) {
    return std::make_unique<CoreHost>(backend, queue_entries);
}

}  // namespace ringmx::storage
