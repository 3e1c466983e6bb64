// A storage plugin in C++: appends every message to one file, and has it on the disk before the 250. Option
// `path`: the file. A message is a line "ID OCTETS" and so many octets behind it. One worker
// (storage.workers).
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "ringmx/backend.hpp"

using namespace ringmx::plugin;

class Filer final : public Backend {
 public:
    Filer(Host host, const Options& options) : host_(host) {
        const std::filesystem::path path = std::filesystem::absolute(options.require("path"));
        file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file_ < 0) throw std::system_error(errno, std::generic_category(), path.string());
        const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_CLOEXEC);
        ::fsync(folder);  // the file itself must be found again after a power cut
        ::close(folder);
        std::ifstream old(path, std::ios::binary);
        std::string id;
        for (off_t octets = 0; old >> id >> octets && old.ignore() && old.ignore(octets).gcount() == octets;)
            end_ = old.tellg();
        if (::ftruncate(file_, end_) != 0) throw std::runtime_error(path.string() + " cannot be cut");
    }
    ~Filer() override { ::close(file_); }

    Durability durability() const override { return RINGMX_DURABLE_MACHINE; }

    void submit(std::span<const Message> messages) override {
        waiting_.insert(waiting_.end(), messages.begin(), messages.end());
    }

    void flush() override {  // one write and one fsync for all that came together
        std::string batch;
        for (const Message& message : waiting_) {
            batch.append(message.id()).append(" ").append(std::to_string(message.octets())).append("\n");
            batch.append(message.content());
        }
        const auto octets = static_cast<ssize_t>(batch.size());
        const bool kept = ::pwrite(file_, batch.data(), batch.size(), end_) == octets && ::fsync(file_) == 0;
        if (kept)
            end_ += octets;
        else if (::ftruncate(file_, end_) != 0)
            host_.log(RINGMX_LOG_ERROR, "a torn end stays in the file");
        for (const Message& message : waiting_)
            kept ? host_.stored(message.token()) : host_.retry(message.token(), "the file cannot be written");
        waiting_.clear();
    }

 private:
    Host host_;
    int file_ = -1;
    off_t end_ = 0;
    std::vector<Message> waiting_;
};

RINGMX_BACKEND(Filer, "filer", "1.0")
