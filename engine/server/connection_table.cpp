#include "server/connection_table.hpp"

#include <new>

#include <sys/mman.h>

#include "base/assert.hpp"

namespace ringmx::server {

ConnectionTable::ConnectionTable(std::uint32_t slots) : generations_(slots, 0) {
    memory_ = mmap(nullptr, slots * sizeof(Connection), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RMX_ASSERT(memory_ != MAP_FAILED);
}

ConnectionTable::~ConnectionTable() {
    RMX_ASSERT(open_count_ == 0);
    munmap(memory_, generations_.size() * sizeof(Connection));
}

Connection& ConnectionTable::open(Core& core, std::uint32_t slot, const PeerAddress& peer,
                                  const smtp::SessionOptions& options, smtp::BareNewline bare_newline,
                                  smtp::TlsUse tls) {
    RMX_ASSERT(slot < slots() && generations_[slot] % 2 == 0);
    ++generations_[slot];
    ++open_count_;
    auto* place = static_cast<Connection*>(memory_) + slot;
    return *new (place) Connection(core, slot, generations_[slot], peer, options, bare_newline, tls);
}

void ConnectionTable::close(std::uint32_t slot) {
    Connection* connection = at(slot);
    RMX_ASSERT(connection != nullptr);
    connection->~Connection();
    ++generations_[slot];
    --open_count_;
}

Connection* ConnectionTable::find(std::uint32_t slot, std::uint32_t generation) {
    if (slot >= slots() || generations_[slot] != generation || generation % 2 == 0) return nullptr;
    return static_cast<Connection*>(memory_) + slot;
}

Connection* ConnectionTable::at(std::uint32_t slot) {
    return find(slot, generations_[slot]);
}

}  // namespace ringmx::server
