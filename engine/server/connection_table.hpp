// A core's connections: one slot for each direct descriptor, in one lazily touched mapping, so that a slot
// that was never used costs nothing. A slot's generation rises with every life of it.
#pragma once

#include <cstdint>
#include <vector>

#include "server/connection.hpp"

namespace ringmx::server {

class ConnectionTable {
 public:
    explicit ConnectionTable(std::uint32_t slots);
    ~ConnectionTable();
    ConnectionTable(const ConnectionTable&) = delete;
    ConnectionTable& operator=(const ConnectionTable&) = delete;

    // The slot must be free: the kernel has just given its descriptor out.
    Connection& open(Core& core, std::uint32_t slot, const PeerAddress& peer,
                     const smtp::SessionOptions& options, smtp::BareNewline bare_newline, smtp::TlsUse tls);
    void close(std::uint32_t slot);

    Connection* find(std::uint32_t slot, std::uint32_t generation);  // null: that life is over
    Connection* at(std::uint32_t slot);                              // null: free
    std::uint32_t slots() const { return static_cast<std::uint32_t>(generations_.size()); }
    std::uint32_t open_count() const { return open_count_; }

    template <typename F>
    void for_each(F&& f) {
        for (std::uint32_t slot = 0; slot < slots(); ++slot) {
            if (Connection* connection = at(slot)) f(*connection);
        }
    }

 private:
    void* memory_ = nullptr;
    std::vector<std::uint32_t> generations_;  // odd: in use
    std::uint32_t open_count_ = 0;
};

}  // namespace ringmx::server
