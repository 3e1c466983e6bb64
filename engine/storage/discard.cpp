#include "storage/discard.hpp"

namespace ringmx::storage {

void DiscardBackend::submit(std::span<const StoreRequest> batch) {
    ++counters_.batches;
    for (const StoreRequest& request : batch) {
        switch (request.op) {
            case StoreOp::part:
                sink_.part_done(request.message, request.chunk, StoreStatus::stored);
                break;
            case StoreOp::commit:
                ++counters_.messages_stored;
                counters_.bytes_stored += request.message->total_bytes();
                sink_.message_done(request.message, StoreStatus::stored, {});
                break;
            case StoreOp::abort:
                sink_.message_done(request.message, StoreStatus::aborted, {});
                break;
        }
    }
}

}  // namespace ringmx::storage
