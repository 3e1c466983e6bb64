#include "sim_disk.hpp"

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool::test {

// A file opened through the blocking side.
class SimFile final : public File {
 public:
    SimFile(SimDisk& disk, SimDisk::InodePtr inode) : disk_(disk), inode_(std::move(inode)) {}
    ~SimFile() override {
        if (holds_lock_) inode_->locked = false;
    }

    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
        if (offset >= inode_->current.size()) return std::size_t{0};
        const std::size_t count = std::min<std::size_t>(into.size(), inode_->current.size() - offset);
        std::memcpy(into.data(), inode_->current.data() + offset, count);
        return count;
    }
    void drop_cache(std::uint64_t, std::uint64_t) override {}
    Status write_at(std::uint64_t offset, Bytes bytes) override {
        if (disk_.blocked()) {
            disk_.scatter(inode_->current, offset, bytes);
            return Error{EIO, "crashed"};
        }
        const int result = disk_.write_now(*inode_, offset, bytes);
        return result < 0 ? Status(Error{-result, "write"}) : ok_status();
    }
    Status sync() override {
        if (disk_.blocked()) return Error{EIO, "crashed"};
        SimDisk::make_all_durable(*inode_);
        return ok_status();
    }
    Result<std::uint64_t> size() override { return std::uint64_t{inode_->current.size()}; }
    std::uint64_t identity() const override { return inode_->number; }
    Result<bool> try_lock() override {
        if (inode_->locked) return holds_lock_;
        inode_->locked = holds_lock_ = true;
        return true;
    }

 private:
    SimDisk& disk_;
    SimDisk::InodePtr inode_;
    bool holds_lock_ = false;
};

// --- names
// -----------------------------------------------------------------------------------------------------------

std::string SimDisk::directory_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

bool SimDisk::blocked() {
    if (blocking_until_crash < 0) return false;
    if (blocking_until_crash == 0) return true;
    --blocking_until_crash;
    return false;
}

SimDisk::InodePtr SimDisk::find(const std::string& path) const {
    const auto found = names_.find(path);
    return found == names_.end() ? nullptr : found->second;
}

SimDisk::InodePtr SimDisk::create(const std::string& path) {
    auto inode = std::make_shared<Inode>();
    inode->number = next_inode_++;
    names_[path] = inode;
    changes_.push_back({directory_of(path), "", path, inode});
    return inode;
}

int SimDisk::rename_now(const std::string& from, const std::string& to) {
    const InodePtr inode = find(from);
    if (inode == nullptr) return -ENOENT;
    names_.erase(from);
    names_[to] = inode;
    changes_.push_back({directory_of(to), from, to, inode});
    return 0;
}

int SimDisk::remove_now(const std::string& path) {
    const InodePtr inode = find(path);
    if (inode == nullptr) return -ENOENT;
    names_.erase(path);
    changes_.push_back({directory_of(path), path, "", inode});
    return 0;
}

void SimDisk::sync_names(const std::string& directory) {
    for (const NameChange& change : changes_) {
        if (change.directory != directory) continue;
        if (!change.remove.empty()) durable_names_.erase(change.remove);
        if (!change.add.empty()) durable_names_[change.add] = change.inode;
    }
    std::erase_if(changes_, [&](const NameChange& change) { return change.directory == directory; });
}

Result<std::vector<DirectoryEntry>> SimDisk::list(const std::string& directory) {
    if (blocked()) return Error{EIO, "crashed"};
    std::vector<DirectoryEntry> entries;
    const std::string prefix = directory + "/";
    for (const auto& [path, inode] : names_) {
        if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
            entries.push_back({path.substr(prefix.size()), inode->current.size(), false});
        }
    }
    for (const std::string& path : directories_) {
        if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
            entries.push_back({path.substr(prefix.size()), 0, true});
        }
    }
    return entries;
}

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
    if (blocked()) return Error{EIO, "crashed"};
    InodePtr inode = find(path);
    if (inode == nullptr) {
        if (mode == OpenMode::read || mode == OpenMode::read_direct || mode == OpenMode::write)
            return Error{ENOENT, "open " + path};
        inode = create(path);
    } else if (mode == OpenMode::create_new) {
        return Error{EEXIST, "open " + path};
    }
    return std::unique_ptr<File>(std::make_unique<SimFile>(*this, inode));
}

Status SimDisk::make_directories(const std::string& path) {
    directories_.insert(
        path);  // at once durable: losing a whole spool's directory is not what is tested here
    return ok_status();
}

Status SimDisk::rename(const std::string& from, const std::string& to) {
    if (blocked()) return Error{EIO, "crashed"};
    const int result = rename_now(from, to);
    return result < 0 ? Status(Error{-result, "rename " + from}) : ok_status();
}

Status SimDisk::remove(const std::string& path) {
    if (blocked()) return Error{EIO, "crashed"};
    (void)remove_now(path);
    return ok_status();
}

Status SimDisk::sync_directory(const std::string& path) {
    if (blocked()) return Error{EIO, "crashed"};
    sync_names(path);
    return ok_status();
}

// --- contents
// ----------------------------------------------------------------------------------------------------------

std::uint64_t SimDisk::used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, inode] : names_)
        bytes += inode->current.size();
    return bytes;
}

std::vector<std::byte>& SimDisk::contents(const std::string& path) {
    const InodePtr inode = find(path);
    RMX_ASSERT(inode != nullptr);
    return inode->current;
}

int SimDisk::write_now(Inode& inode, std::uint64_t offset, Bytes bytes) {
    const std::uint64_t end = offset + bytes.size();
    if (end > inode.current.size()) {
        if (used() + (end - inode.current.size()) > capacity) return -ENOSPC;
        inode.current.resize(end);
        inode.dirty.resize((end + kSectorBytes - 1) / kSectorBytes);
    }
    std::memcpy(inode.current.data() + offset, bytes.data(), bytes.size());
    for (std::uint64_t sector = offset / kSectorBytes; sector * kSectorBytes < end; ++sector) {
        inode.dirty[sector] = true;
    }
    return 0;
}

void SimDisk::make_durable(Inode& inode, std::uint64_t offset, std::uint64_t bytes) {
    if (inode.durable.size() < inode.current.size()) inode.durable.resize(inode.current.size());
    std::memcpy(inode.durable.data() + offset, inode.current.data() + offset, bytes);
    for (std::uint64_t sector = offset / kSectorBytes; sector * kSectorBytes < offset + bytes; ++sector) {
        inode.dirty[sector] = false;
    }
}

void SimDisk::make_all_durable(Inode& inode) {
    inode.durable = inode.current;
    std::fill(inode.dirty.begin(), inode.dirty.end(), false);
}

// Some sectors of a write that did not finish, some of them torn.
void SimDisk::scatter(std::vector<std::byte>& into, std::uint64_t offset, Bytes bytes) {
    const std::uint32_t mood = static_cast<std::uint32_t>(random_() % 3);  // nearly none, half, nearly all
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t sector_end = ((offset + at) / kSectorBytes + 1) * kSectorBytes - offset;
        std::size_t count = std::min(sector_end, bytes.size()) - at;
        const std::size_t next = at + count;
        if (offset + next <= into.size() && chance(random_, mood == 0 ? 20 : mood == 1 ? 500 : 980)) {
            if (chance(random_, 20)) count = random_() % (count + 1);
            std::memcpy(into.data() + offset + at, bytes.data() + at, count);
        }
        at = next;
    }
}

void SimDisk::crash() {
    for (SimShard* shard : shards_)
        shard->lose_power();
    // Of the names that were not synced, each change is kept or lost by itself.
    for (const NameChange& change : changes_) {
        if (chance(random_, 500)) continue;
        if (!change.remove.empty()) {
            const auto found = durable_names_.find(change.remove);
            if (found != durable_names_.end() && found->second == change.inode) durable_names_.erase(found);
        }
        // A file has one name here: a rename that is kept implies the name before it is gone.
        if (!change.add.empty()) {
            std::erase_if(durable_names_, [&](const auto& entry) { return entry.second == change.inode; });
            durable_names_[change.add] = change.inode;
        }
    }
    changes_.clear();
    names_ = durable_names_;
    std::set<Inode*> seen;
    for (const auto& [path, inode] : names_) {
        if (!seen.insert(inode.get()).second) continue;
        if (inode->durable.size() < inode->current.size() && chance(random_, 500)) {
            inode->durable.resize(inode->current.size());
        }
        for (std::size_t sector = 0; sector < inode->dirty.size(); ++sector) {
            if (!inode->dirty[sector] || chance(random_, 500)) continue;
            const std::size_t begin = sector * kSectorBytes;
            const std::size_t end =
                std::min({begin + kSectorBytes, inode->current.size(), inode->durable.size()});
            if (begin < end)
                std::memcpy(inode->durable.data() + begin, inode->current.data() + begin, end - begin);
        }
        inode->current = inode->durable;
        inode->dirty.assign((inode->current.size() + kSectorBytes - 1) / kSectorBytes, false);
        inode->locked = false;
    }
    blocking_until_crash = -1;
}

void SimDisk::kill_process() {
    for (SimShard* shard : shards_)
        shard->lose_process();
    for (const auto& [path, inode] : names_)
        inode->locked = false;
    blocking_until_crash = -1;
}

// --- the asynchronous side
// -----------------------------------------------------------------------------------------------

SimShard::SimShard(SimDisk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {
    disk_.shards_.insert(this);
}

SimShard::~SimShard() {
    RMX_ASSERT(in_flight_.empty());
    disk_.shards_.erase(this);
}

void SimShard::start(DiskOp& op) {
    RMX_ASSERT(!op.in_flight && op.client != nullptr);
    op.in_flight = true;
    in_flight_.push_back(&op);
}

int SimShard::add_file(SimDisk::InodePtr inode) {
    files_.push_back(std::move(inode));
    return static_cast<int>(files_.size()) - 1;
}

Result<int> SimShard::open_now(const char* name) {
    const auto inode = disk_.find(path(name));
    if (inode == nullptr) return Error{ENOENT, "open " + path(name)};
    return add_file(inode);
}

Result<std::uint64_t> SimShard::free_bytes() {
    const std::uint64_t used = disk_.used();
    return used >= disk_.capacity ? std::uint64_t{0} : disk_.capacity - used;
}

bool SimShard::finish_one() {
    if (in_flight_.empty()) return false;
    const std::size_t index = disk_.random_() % in_flight_.size();
    DiskOp& op = *in_flight_[index];
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
    bool failed = op.kind != DiskOp::Kind::close && chance(disk_.random_, disk_.write_errors_per_thousand);
    const std::int64_t result = execute(op, failed);
    op.in_flight = false;
    op.client->disk_done(op, result);
    return true;
}

void SimShard::drain() {
    while (finish_one()) {
    }
}

// Runs an operation; `failed`: it shall fail, perhaps half way.
std::int64_t SimShard::execute(const DiskOp& op, bool& failed) {
    SimDisk::Inode* inode = op.file >= 0 ? files_.at(static_cast<std::size_t>(op.file)).get() : nullptr;
    const bool half_way = failed && chance(disk_.random_, 500);
    switch (op.kind) {
        case DiskOp::Kind::open_segment:
        case DiskOp::Kind::open_read: {
            const auto found = disk_.find(path(op.name));
            if (found == nullptr) return -ENOENT;
            return failed ? -EIO : add_file(found);
        }
        case DiskOp::Kind::create_segment:
            if (failed) return -EIO;
            if (disk_.find(path(op.name)) != nullptr) return -EEXIST;
            return add_file(disk_.create(path(op.name)));
        case DiskOp::Kind::close:
            files_.at(static_cast<std::size_t>(op.file)).reset();
            return 0;
        case DiskOp::Kind::allocate:
            if (disk_.used() + op.bytes > disk_.capacity) return -ENOSPC;
            return failed ? -EIO : 0;
        case DiskOp::Kind::write:
        case DiskOp::Kind::write_durable: {
            std::uint64_t offset = op.offset;
            for (std::uint32_t i = 0; i < op.piece_count; ++i) {
                const Bytes piece(static_cast<const std::byte*>(op.pieces[i].iov_base), op.pieces[i].iov_len);
                RMX_ASSERT(offset % kBlockBytes == 0 && piece.size() % kBlockBytes == 0);
                RMX_ASSERT(reinterpret_cast<std::uintptr_t>(piece.data()) % kBlockBytes == 0);
                if (failed) {
                    disk_.scatter(inode->current, offset, piece);
                    disk_.scatter(inode->durable, offset, piece);
                } else {
                    const int result = disk_.write_now(*inode, offset, piece);
                    if (result < 0) return result;
                    if (op.kind == DiskOp::Kind::write_durable)
                        disk_.make_durable(*inode, offset, piece.size());
                }
                offset += piece.size();
            }
            if (failed) return half_way ? static_cast<std::int64_t>(op.bytes / 2) : -EIO;
            return static_cast<std::int64_t>(op.bytes);
        }
        case DiskOp::Kind::read: {
            if (failed) return -EIO;
            if (op.offset >= inode->current.size()) return 0;
            const std::size_t count =
                std::min<std::size_t>(op.pieces[0].iov_len, inode->current.size() - op.offset);
            std::memcpy(op.pieces[0].iov_base, inode->current.data() + op.offset, count);
            return static_cast<std::int64_t>(count);
        }
        case DiskOp::Kind::sync:
            if (failed) return -EIO;
            SimDisk::make_all_durable(*inode);
            return 0;
        case DiskOp::Kind::rename:
            if (failed) return -EIO;
            return disk_.rename_now(path(op.name), path(op.new_name));
        case DiskOp::Kind::remove:
            if (failed) return -EIO;
            return disk_.remove_now(path(op.name));
        case DiskOp::Kind::sync_directory:
            if (failed) return -EIO;
            disk_.sync_names(directory_);
            return 0;
    }
    return -EINVAL;
}

// The kernel finishes what it has begun; nobody is told.
void SimShard::lose_process() {
    std::shuffle(in_flight_.begin(), in_flight_.end(), disk_.random_);
    for (DiskOp* op : in_flight_) {
        op->in_flight = false;
        bool failed = false;
        if (chance(disk_.random_, 800)) (void)execute(*op, failed);
    }
    in_flight_.clear();
}

// What was in flight may have reached the disk or not; nobody is told.
void SimShard::lose_power() {
    std::shuffle(in_flight_.begin(), in_flight_.end(), disk_.random_);
    for (DiskOp* op : in_flight_) {
        op->in_flight = false;
        const bool write = op->kind == DiskOp::Kind::write || op->kind == DiskOp::Kind::write_durable;
        if (write) {
            std::uint64_t offset = op->offset;
            for (std::uint32_t i = 0; i < op->piece_count; ++i) {
                const Bytes piece(static_cast<const std::byte*>(op->pieces[i].iov_base),
                                  op->pieces[i].iov_len);
                disk_.scatter(files_.at(static_cast<std::size_t>(op->file))->durable, offset, piece);
                offset += piece.size();
            }
        } else if (chance(disk_.random_, 500)) {
            bool failed = false;
            (void)execute(*op, failed);
        }
    }
    in_flight_.clear();
}

}  // namespace ringmx::storage::spool::test
