// SimDisk: a file system in memory that crashes. It keeps what the processes see and what a power cut would
// leave apart: sectors of 512 octets that were not made durable are lost, kept or torn, one by one and in any
// order; names that were not made durable by a directory sync come and go, each rename on its own. Errors and
// a full disk can be injected. Everything follows from the random numbers that it is given.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/spool/disk.hpp"
#include "storage/spool/file_system.hpp"

namespace ringmx::storage::spool::test {

using Random = std::mt19937_64;

inline bool chance(Random& random, std::uint32_t per_thousand) {
    return random() % 1000 < per_thousand;
}

class SimDisk final : public FileSystem {
 public:
    static constexpr std::size_t kSectorBytes = 512;

    explicit SimDisk(std::uint64_t seed) : random_(seed) {}

    // --- what can go wrong
    std::uint32_t write_errors_per_thousand = 0;  // of asynchronous operations: EIO
    std::uint64_t capacity = UINT64_MAX;          // bytes of all files together
    std::int64_t blocking_until_crash = -1;  // that many blocking operations more, then all fail; -1: never

    // The power is cut: only what was durable, and some of the rest, is there afterwards.
    void crash();
    // The process is killed: the file system stays as it is, and what was in flight may still be carried out.
    void kill_process();

    // --- FileSystem
    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
    Status make_directories(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status sync_directory(const std::string& path) override;
    Result<bool> direct_io(const std::string&) override { return true; }
    std::uint64_t random() override { return random_(); }

    // Direct access to a file's present and durable contents, for damaging them.
    std::vector<std::byte>& contents(const std::string& path);
    std::uint64_t used() const;

 private:
    friend class SimShard;
    friend class SimFile;

    struct Inode {
        std::uint64_t number = 0;
        std::vector<std::byte> current;
        std::vector<std::byte> durable;
        std::vector<bool> dirty;  // by sector: current and durable may differ
        bool locked = false;
    };
    using InodePtr = std::shared_ptr<Inode>;
    struct NameChange {  // of one directory, not yet durable
        std::string directory;
        std::string remove;
        std::string add;
        InodePtr inode;
    };

    bool blocked();
    InodePtr find(const std::string& path) const;
    InodePtr create(const std::string& path);
    int rename_now(const std::string& from, const std::string& to);
    int remove_now(const std::string& path);
    void sync_names(const std::string& directory);
    int write_now(Inode& inode, std::uint64_t offset, Bytes bytes);
    void make_durable(Inode& inode, std::uint64_t offset, std::uint64_t bytes);
    static void make_all_durable(Inode& inode);
    void scatter(std::vector<std::byte>& into, std::uint64_t offset, Bytes bytes);
    static std::string directory_of(const std::string& path);

    Random random_;
    std::uint64_t next_inode_ = 1;
    std::set<std::string> directories_;
    std::map<std::string, InodePtr> names_;
    std::map<std::string, InodePtr> durable_names_;
    std::vector<NameChange> changes_;
    std::set<class SimShard*> shards_;
    bool crashed_ = false;
};

// The asynchronous side of one directory.
class SimShard final : public Disk {
 public:
    SimShard(SimDisk& disk, std::string directory);
    ~SimShard() override;

    void start(DiskOp& op) override;
    Result<int> open_now(const char* name) override;
    Result<std::uint64_t> free_bytes() override;
    void drain() override;

    // Finishes one operation of those in flight, any of them. False: there is none.
    bool finish_one();
    std::size_t in_flight() const { return in_flight_.size(); }

 private:
    friend class SimDisk;
    std::int64_t execute(const DiskOp& op, bool& failed);
    std::string path(const char* name) const { return directory_ + "/" + name; }
    int add_file(SimDisk::InodePtr inode);
    void lose_power();
    void lose_process();

    SimDisk& disk_;
    std::string directory_;
    std::vector<DiskOp*> in_flight_;
    std::vector<SimDisk::InodePtr> files_;  // by descriptor
};

}  // namespace ringmx::storage::spool::test
