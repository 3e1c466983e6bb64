// Storage of the program's own: every message becomes a file FOLDER/ID.eml, on disk before its client gets
// 250.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <ringmx/backend.hpp>
#include <unistd.h>

namespace example {

using namespace ringmx::plugin;

// One for each storage worker; all calls come from that worker's thread. What blocks here delays other mail,
// not the threads that talk to clients.
class FileStore final : public Backend {
 public:
    FileStore(Host host, std::string folder) : host_(host), folder_(std::move(folder)) {
        folder_fd_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd_ < 0) throw std::runtime_error("cannot open the folder " + folder_);
        octets_ = host_.counter("octets_written");
    }
    ~FileStore() override { ::close(folder_fd_); }

    // What stored() promises: here, that the message survives a power cut.
    Durability durability() const override { return RINGMX_DURABLE_MACHINE; }

    void submit(std::span<const Message> messages) override {
        for (const Message& message : messages) {
            if (write_file(message)) {
                written_.push_back(message);
            } else {
                host_.retry(message.token(), "Cannot write the message, try again later");
            }
        }
    }

    // After the last submit() of a turn: one sync of the folder serves all files of the turn.
    void flush() override {
        if (written_.empty()) return;
        const bool synced = ::fsync(folder_fd_) == 0;
        for (const Message& message : written_) {
            if (!synced) {
                host_.retry(message.token(), "Cannot sync the folder, try again later");
                continue;
            }
            print(message);
            host_.stored(message.token());  // the client's 250; `message` is not to be touched after it
        }
        written_.clear();
    }

 private:
    // In place under its own name at once: a message that comes again, after a retry, has the same id.
    bool write_file(const Message& message) const {
        const std::string name = std::string(message.id()) + ".eml";
        const int fd = ::openat(folder_fd_, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0) return false;
        bool good = true;
        for (const ringmx_bytes& span : message.spans())
            good = good && write_all(fd, view(span));
        good = good && ::fdatasync(fd) == 0;
        good = ::close(fd) == 0 && good;
        if (good) {
            host_.count(octets_, message.octets());
        } else {
            ::unlinkat(folder_fd_, name.c_str(), 0);
        }
        return good;
    }

    static bool write_all(int fd, std::string_view rest) {
        while (!rest.empty()) {
            const ssize_t count = ::write(fd, rest.data(), rest.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return false;
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    static void print(const Message& message) {
        std::string line =
            "stored " + std::string(message.id()) + " from=<" + std::string(message.reverse_path()) + ">";
        for (std::uint32_t i = 0; i < message.recipient_count(); ++i)
            line += " to=<" + std::string(message.recipient(i).forward_path) + ">";
        std::printf("%s octets=%llu\n", line.c_str(), static_cast<unsigned long long>(message.octets()));
        std::fflush(stdout);
    }

    Host host_;
    std::string folder_;
    int folder_fd_ = -1;
    ringmx_counter* octets_ = nullptr;
    std::vector<Message> written_;  // in this turn, the folder not yet synced
};

}  // namespace example
