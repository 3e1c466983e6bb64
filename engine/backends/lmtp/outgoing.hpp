// What has to be written to a connection: text that is owned (commands), then a message's content, which is
// not. Gathers pieces for one sendmsg(2) and moves on by what it has taken.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include "lmtp/content.hpp"

namespace ringmx::lmtp {

class Outgoing {
 public:
    // Behind what is there; only while no content is.
    void add(std::string_view text) { text_.append(text); }
    // Behind the text. The spans stay valid until all is sent or clear().
    void add(Content content);
    void clear() { *this = Outgoing(); }
    bool empty() const { return text_.empty() && content_done_; }

    // Fills `room` with the next pieces; returns how many. They are valid until the next call of anything
    // here.
    std::size_t gather(std::span<iovec> room);
    void sent(std::size_t octets);

 private:
    static constexpr std::size_t window_pieces_max = 64;

    void refill();

    std::string text_;
    Content content_;
    std::vector<std::string_view> window_;  // the content's next pieces
    std::size_t window_at_ = 0;
    bool content_done_ = true;
};

}  // namespace ringmx::lmtp
