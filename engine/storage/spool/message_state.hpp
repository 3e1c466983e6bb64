// What the spool keeps of a message in flight, in Message::backend_state.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "message/message.hpp"
#include "storage/backend.hpp"

namespace ringmx::storage::spool {

struct MessageState {
    std::uint64_t first_segment = 0;  // of its first frame; 0: none placed yet
    std::uint64_t last_segment = 0;   // of its latest frame
    std::uint32_t last_offset = 0;
    std::uint32_t parts = 0;               // frames placed
    std::uint64_t bytes = 0;               // of payload placed
    std::uint32_t in_flight = 0;           // frames placed and not yet settled
    bool failed = false;                   // a frame was lost: it cannot be stored any more
    bool committed = false;                // its commit frame is placed
    bool ending = false;                   // its commit or abort was taken and ends without another frame
    StoreStatus end = StoreStatus::retry;  // the answer to that
    std::uint32_t commit_offset = 0;
    std::uint32_t padding = 0;
};
static_assert(sizeof(MessageState) == sizeof(Message::backend_state));
static_assert(std::is_trivially_copyable_v<MessageState>);

inline MessageState load_state(const Message& message) {
    return std::bit_cast<MessageState>(message.backend_state);
}

inline void store_state(Message& message, const MessageState& state) {
    message.backend_state = std::bit_cast<decltype(message.backend_state)>(state);
}

}  // namespace ringmx::storage::spool
