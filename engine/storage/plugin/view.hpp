// An envelope and pieces of content as the ringmx_message of the plugin ABI: what a plugin reads, in place.
// The content is not copied, nor are addresses and names: the view points into the envelope and the pieces
// that it was built from, which outlive it. Used by every owner of an Instance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/message_id.hpp"
#include "ringmx/backend.h"

namespace ringmx::storage::plugin {

class MessageView {
 public:
    MessageView() = default;
    MessageView(const MessageView&) = delete;
    MessageView& operator=(const MessageView&) = delete;

    // `envelope` is in the format of message/envelope.hpp; `spans` are trace header and mail data, of which
    // only the list is copied. False, and no view: the envelope is malformed, or names no recipient.
    bool build(const MessageId& id, std::uint64_t token, Bytes envelope, std::span<const Bytes> spans);
    const ringmx_message& message() const { return message_; }
    // Gives back the memory of an unusually large one.
    void clear();

 private:
    bool read_envelope(Bytes envelope);

    ringmx_message message_{};
    std::vector<ringmx_recipient> recipients_;
    std::vector<ringmx_bytes> spans_;
};

}  // namespace ringmx::storage::plugin
