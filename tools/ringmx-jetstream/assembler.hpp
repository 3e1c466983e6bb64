// Puts messages together from records. A record that is a whole message goes to the outlet as it comes;
// chunks are written into a file, each at its place, until none is missing and the checksum of the whole
// fits.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "outlet.hpp"
#include "piece.hpp"

namespace ringmx::jetstream {

using Clock = std::chrono::steady_clock;

class Assembler {
 public:
    Assembler(Outlet& outlet, bool raw) : outlet_(outlet), raw_(raw) {}
    ~Assembler();
    Assembler(const Assembler&) = delete;
    Assembler& operator=(const Assembler&) = delete;

    // Takes a record. Throws std::runtime_error for a message that does not fit its checksum.
    void take(const Piece& piece);
    // What may be acknowledged after the outlet's sync(): emptied by the call.
    std::vector<std::string> take_acknowledgements();
    // Of the chunks that are held: the server is to be told that they are still being worked on.
    std::vector<std::string> held() const;
    // Drops messages of which nothing came for so long; what is returned is not to be delivered again.
    std::vector<std::string> give_up(Clock::duration patience);

    bool empty() const { return units_.empty(); }
    std::uint64_t messages() const { return messages_; }
    std::uint64_t duplicates() const { return duplicates_; }

 private:
    struct Unit {
        std::string name;  // in the outlet
        std::string id, trace, path;
        std::uint64_t octets = 0;
        std::uint32_t crc32c = 0;
        std::uint32_t missing = 0;
        std::vector<std::string> replies;  // by chunk; empty: has not come
        Clock::time_point last;
    };
    std::string chunk_path(const Piece& piece, const std::string& name) const;
    void take_chunk(const Piece& piece, const std::string& name);
    void deliver(const Unit& unit);
    std::string trace_for(const std::string& trace) const { return raw_ ? std::string() : trace; }

    Outlet& outlet_;
    bool raw_;
    std::map<std::string, Unit> units_;  // by path: name and size of the chunks
    std::vector<std::string> acknowledgements_;
    std::uint64_t messages_ = 0;
    std::uint64_t duplicates_ = 0;
};

}  // namespace ringmx::jetstream
