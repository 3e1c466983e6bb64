// MemoryFiles: a read-only FileSystem of byte vectors, for fuzzing readers of a spool.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/spool/file_system.hpp"

namespace ringmx::storage::spool::test {

class MemoryFiles final : public FileSystem {
 public:
    void add(const std::string& path, std::vector<std::byte> bytes) { files_[path] = std::move(bytes); }

    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override {
        std::vector<DirectoryEntry> entries;
        if (directory == "/spool") entries.push_back({"shard-0000", 0, true});
        for (const auto& [path, bytes] : files_) {
            if (path.starts_with(directory + "/") &&
                path.find('/', directory.size() + 1) == std::string::npos) {
                entries.push_back({path.substr(directory.size() + 1), bytes.size(), false});
            }
        }
        return entries;
    }
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode) override {
        const auto found = files_.find(path);
        if (found == files_.end()) return Error{ENOENT, "open " + path};
        return std::unique_ptr<File>(std::make_unique<MemoryFile>(found->second));
    }
    Status make_directories(const std::string&) override { return refused(); }
    Status rename(const std::string&, const std::string&) override { return refused(); }
    Status remove(const std::string&) override { return refused(); }
    Status sync_directory(const std::string&) override { return refused(); }
    Result<bool> direct_io(const std::string&) override { return false; }
    std::uint64_t random() override { return 0; }

 private:
    static Status refused() { return Error{EROFS, "read only"}; }

    class MemoryFile final : public File {
     public:
        explicit MemoryFile(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
        Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
            if (offset >= bytes_.size()) return std::size_t{0};
            const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
            std::memcpy(into.data(), bytes_.data() + offset, count);
            return count;
        }
        void drop_cache(std::uint64_t, std::uint64_t) override {}
        Status write_at(std::uint64_t, Bytes) override { return refused(); }
        Status sync() override { return refused(); }
        Result<std::uint64_t> size() override { return std::uint64_t{bytes_.size()}; }
        std::uint64_t identity() const override { return 1; }
        Result<bool> try_lock() override { return true; }

     private:
        const std::vector<std::byte>& bytes_;
    };

    std::map<std::string, std::vector<std::byte>> files_;
};

}  // namespace ringmx::storage::spool::test
