// UringDisk: a shard's directory through io_uring. Segments are written with O_DIRECT and RWF_DSYNC: no page
// cache between the acknowledgement and the device, and one completion for write and flush. Without O_DIRECT
// the same writes go through the page cache, and RWF_DSYNC makes each of them a write and a data sync of its
// range.
#pragma once

#include <memory>
#include <string>

#include "ring/ring.hpp"
#include "storage/spool/disk.hpp"

namespace ringmx::storage::spool {

class UringDisk final : public Disk, private ring::CompletionHandler {
 public:
    // On the ring's thread; the ring must outlive it.
    static Result<std::unique_ptr<UringDisk>> open(ring::Ring& ring, const std::string& directory,
                                                   bool direct);
    ~UringDisk();
    UringDisk(const UringDisk&) = delete;
    UringDisk& operator=(const UringDisk&) = delete;

    void start(DiskOp& op) override;
    Result<int> open_now(const char* name) override;
    Result<std::uint64_t> free_bytes() override;
    // Enters and reaps the ring itself: completions that are not a handler's are dropped meanwhile, so the
    // thread's own loop must have ended.
    void drain() override;

 private:
    UringDisk(ring::Ring& ring, int directory, bool direct, std::string path)
        : ring_(ring), directory_(directory), direct_(direct), path_(std::move(path)) {}
    void on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t flags) override;
    void prepare(io_uring_sqe* sqe, const DiskOp& op) const;

    ring::Ring& ring_;
    std::uint64_t handler_tag_ = 0;
    int directory_;
    bool direct_;
    std::string path_;
    std::uint64_t in_flight_ = 0;
};

}  // namespace ringmx::storage::spool
