#include "storage/spool/spool.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include <unistd.h>

#include "base/assert.hpp"
#include "storage/spool/recovery.hpp"
#include "storage/spool/spool_state.hpp"
#include "storage/spool/uring_disk.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr int kLockTries = 40;  // io_uring keeps a killed server's files for a moment
constexpr std::chrono::milliseconds kLockPause{50};
constexpr std::size_t kMetaBytesMax = 64;

Result<std::string> read_text(File& file) {
    std::string text(kMetaBytesMax, '\0');
    const auto count = file.read_at(0, {reinterpret_cast<std::byte*>(text.data()), text.size()});
    if (!count) return count.error();
    text.resize(*count);
    return text;
}

Result<std::unique_ptr<File>> lock(FileSystem& files, const std::string& directory) {
    const std::string path = directory + "/" + std::string(kLockName);
    auto file = files.open(path, OpenMode::create);
    if (!file) return file;
    for (int attempt = 0;; ++attempt) {
        const auto locked = (*file)->try_lock();
        if (!locked) return locked.error();
        if (*locked) break;
        if (attempt == kLockTries) {
            const auto owner = read_text(**file);
            const std::string pid = owner.ok() ? owner->substr(0, owner->find('\n')) : std::string();
            return Error{open_error::locked,
                         "spool " + directory + " is in use by process " + (pid.empty() ? "(unknown)" : pid)};
        }
        std::this_thread::sleep_for(kLockPause);
    }
    // Fixed width, so that a shorter number leaves nothing of a longer one.
    std::string text = std::to_string(::getpid());
    text.resize(12, '\n');
    (void)(*file)->write_at(0, as_bytes(text));  // for people only; a full disk may refuse it
    return file;
}

Status create_meta(FileSystem& files, const std::string& directory, std::uint64_t tag) {
    const std::string path = directory + "/" + std::string(kMetaName);
    const std::string temporary = path + ".new";
    {
        auto file = files.open(temporary, OpenMode::create);
        if (!file) return file.error();
        Status done = (*file)->write_at(0, as_bytes(encode_meta(tag)));
        if (done.ok()) done = (*file)->sync();
        if (!done.ok()) return done;
    }
    const Status renamed = files.rename(temporary, path);
    if (!renamed) return renamed;
    return files.sync_directory(directory);
}

// The spool's tag; makes one for a new spool. A directory with shards but without the file is not touched.
Result<std::uint64_t> meta(FileSystem& files, const std::string& directory) {
    const auto tag = read_tag(files, directory);
    if (tag.ok() || tag.error().code != ENOENT) return tag;
    const auto entries = files.list(directory);
    if (!entries) return entries.error();
    for (const DirectoryEntry& entry : *entries) {
        if (parse_shard_name(entry.name)) {
            return Error{0,
                         directory + " has shards but no " + std::string(kMetaName) + ": restore that file"};
        }
    }
    const std::uint64_t made = files.random();
    const Status created = create_meta(files, directory, made);
    if (!created) return created.error();
    return made;
}

// The shards that are there and those to be served.
Result<std::vector<std::uint32_t>> shards(FileSystem& files, const SpoolOptions& options) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
        const Status made = files.make_directories(options.path + "/" + shard_name(shard));
        if (!made) return made.error();
        found.push_back(shard);
    }
    const Status synced = files.sync_directory(options.path);
    if (!synced) return synced.error();
    const auto entries = files.list(options.path);
    if (!entries) return entries.error();
    for (const DirectoryEntry& entry : *entries) {
        const auto shard = parse_shard_name(entry.name);
        if (shard && entry.directory && *shard >= options.shards) found.push_back(*shard);
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

Result<std::uint64_t> read_tag(FileSystem& files, const std::string& directory) {
    const std::string path = directory + "/" + std::string(kMetaName);
    auto file = files.open(path, OpenMode::read);
    if (!file) return file.error();
    const auto text = read_text(**file);
    if (!text) return text.error();
    const auto tag = decode_meta(*text);
    if (!tag) return Error{0, path + " is not of a spool of a version that this program knows"};
    return *tag;
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() = default;
const RecoveryReport& Spool::report() const {
    return state_->report;
}
bool Spool::direct_io() const {
    return state_->direct;
}
const SpoolOptions& Spool::options() const {
    return state_->options;
}

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options) {
    return open(posix_file_system(), options);
}

Result<std::unique_ptr<Spool>> Spool::open(FileSystem& files, const SpoolOptions& options) {
    const auto begun = std::chrono::steady_clock::now();
    if (options.segment_bytes % kBlockBytes != 0) {
        return Error{EINVAL, "the spool's segment size is not a multiple of 4 KiB"};
    }
    const Status made = files.make_directories(options.path);
    if (!made) return made.error();
    auto state = std::make_unique<State>();
    state->options = options;
    auto locked = lock(files, options.path);
    if (!locked) return locked.error();
    state->lock = std::move(*locked);
    const auto direct = files.direct_io(options.path);
    if (!direct) return direct.error();
    state->direct = *direct;
    if (!state->direct && options.direct_io_required) {
        return Error{open_error::no_direct_io, "the file system of " + options.path +
                                                   " refuses O_DIRECT: put the spool on another, or set "
                                                   "storage.spool.require_direct_io = false to "
                                                   "write through the page cache and sync"};
    }
    const auto tag = meta(files, options.path);
    if (!tag) return tag.error();
    const auto found = shards(files, options);
    if (!found) return found.error();
    for (const std::uint32_t shard : *found) {
        auto start = recover_shard(files, options, shard, *tag, shard < options.shards, state->report);
        if (!start) return start.error();
        if (shard < options.shards) state->starts.emplace(shard, std::move(*start));
    }
    state->report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    return std::unique_ptr<Spool>(new Spool(std::move(state)));
}

Result<ShardStart> take_start(Spool& spool, std::uint32_t shard) {
    const std::lock_guard<std::mutex> guard(spool.state().mutex);
    auto& starts = spool.state().starts;
    const auto found = starts.find(shard);
    if (found == starts.end())
        return Error{EINVAL, "spool shard " + std::to_string(shard) + " is not to be had"};
    ShardStart start = std::move(found->second);
    starts.erase(found);
    return start;
}

Result<std::unique_ptr<Backend>> make_spool_backend(Spool& spool, std::uint32_t shard, ring::Ring& ring,
                                                    StoreSink& sink) {
    auto start = take_start(spool, shard);
    if (!start) return start.error();
    auto disk = UringDisk::open(ring, spool.options().path + "/" + shard_name(shard), spool.direct_io());
    if (!disk) return disk.error();
    auto backend = SpoolBackend::create(std::move(*start), std::move(*disk), sink);
    if (!backend) return backend.error();
    return std::unique_ptr<Backend>(std::move(*backend));
}

}  // namespace ringmx::storage::spool
