#include "assembler.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "records/crc32c.hpp"

namespace ringmx::jetstream {
namespace {

constexpr std::size_t block_octets = 1u << 20;

class File {
 public:
    File(const std::string& path, int flags)
        : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        if (fd_ < 0) fail();
    }
    ~File() { close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    void write_at(std::uint64_t offset, std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t count = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (count < 0 && errno != EINTR) fail();
            if (count <= 0) continue;
            offset += static_cast<std::uint64_t>(count);
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    std::string_view read(std::string& block) const {  // empty at the end
        for (;;) {
            const ssize_t count = ::read(fd_, block.data(), block.size());
            if (count >= 0) return {block.data(), static_cast<std::size_t>(count)};
            if (errno != EINTR) fail();
        }
    }

 private:
    [[noreturn]] void fail() const { throw std::system_error(errno, std::generic_category(), path_); }
    std::string path_;
    int fd_;
};

[[noreturn]] void damaged(const std::string& id) {
    throw std::runtime_error("message " + id + " does not fit its checksum; it was not acknowledged");
}

}  // namespace

Assembler::~Assembler() {
    for (const auto& [key, unit] : units_)
        unlink(unit.path.c_str());
}

void Assembler::take(const Piece& piece) {
    const std::string name = unit_file_name(piece);
    if (outlet_.has(name)) {
        ++duplicates_;
        acknowledgements_.push_back(piece.reply);
        // A reader that was killed between the two steps has left it.
        if (piece.count > 1) unlink(chunk_path(piece, name).c_str());
        return;
    }
    if (piece.count > 1) {
        take_chunk(piece, name);
        return;
    }
    if (records::crc32c(0, piece.data) != piece.crc32c) damaged(piece.id);
    const std::string trace = trace_for(piece.trace);
    outlet_.begin(name, piece.id, trace.size() + piece.octets);
    outlet_.write(trace);
    outlet_.write(piece.data);
    outlet_.end();
    ++messages_;
    acknowledgements_.push_back(piece.reply);
}

std::string Assembler::chunk_path(const Piece& piece, const std::string& name) const {
    return outlet_.chunk_folder() + "/" + name + "." + std::to_string(piece.chunk_octets) + ".chunks";
}

void Assembler::take_chunk(const Piece& piece, const std::string& name) {
    const std::string path = chunk_path(piece, name);
    const auto [at, added] = units_.try_emplace(path);
    Unit& unit = at->second;
    if (added) {
        unit.name = name;
        unit.id = piece.id;
        unit.path = path;
        unit.octets = piece.octets;
        unit.crc32c = piece.crc32c;
        unit.missing = piece.count;
        unit.replies.resize(piece.count);
        unlink(unit.path.c_str());  // of a reader that was ended
    }
    if (unit.replies.size() != piece.count || unit.octets != piece.octets || unit.crc32c != piece.crc32c)
        damaged(piece.id);
    File(unit.path, O_WRONLY | O_CREAT).write_at(piece.offset(), piece.data);
    if (piece.number == 1) unit.trace = piece.trace;
    if (unit.replies[piece.number - 1].empty()) --unit.missing;
    unit.replies[piece.number - 1] = piece.reply;
    unit.last = Clock::now();
    if (unit.missing > 0) return;
    deliver(unit);
    std::move(unit.replies.begin(), unit.replies.end(), std::back_inserter(acknowledgements_));
    unlink(unit.path.c_str());
    units_.erase(at);
}

void Assembler::deliver(const Unit& unit) {
    const std::string trace = trace_for(unit.trace);
    const File chunks(unit.path, O_RDONLY);
    std::string block(block_octets, '\0');
    std::uint32_t crc = 0;
    for (std::string_view got = chunks.read(block); !got.empty(); got = chunks.read(block))
        crc = records::crc32c(crc, got);
    if (crc != unit.crc32c) damaged(unit.id);
    const File again(unit.path, O_RDONLY);
    outlet_.begin(unit.name, unit.id, trace.size() + unit.octets);
    outlet_.write(trace);
    for (std::string_view got = again.read(block); !got.empty(); got = again.read(block))
        outlet_.write(got);
    outlet_.end();
    ++messages_;
}

std::vector<std::string> Assembler::take_acknowledgements() {
    return std::exchange(acknowledgements_, {});
}

std::vector<std::string> Assembler::held() const {
    std::vector<std::string> replies;
    for (const auto& [key, unit] : units_) {
        std::copy_if(unit.replies.begin(), unit.replies.end(), std::back_inserter(replies),
                     [](const std::string& reply) { return !reply.empty(); });
    }
    return replies;
}

std::vector<std::string> Assembler::give_up(Clock::duration patience) {
    std::vector<std::string> replies;
    const auto now = Clock::now();
    for (auto at = units_.begin(); at != units_.end();) {
        Unit& unit = at->second;
        // One that has come whole in another size, or by another reader's hand, needs no more patience.
        if (!outlet_.has(unit.name) && now - unit.last < patience) {
            ++at;
            continue;
        }
        std::copy_if(unit.replies.begin(), unit.replies.end(), std::back_inserter(replies),
                     [](const std::string& reply) { return !reply.empty(); });
        unlink(unit.path.c_str());
        at = units_.erase(at);
    }
    return replies;
}

}  // namespace ringmx::jetstream
