// Writes the file of acknowledged messages. A thread of its own writes and syncs, so that the load does not
// wait for the disk: what the last moments acknowledged may be missing when this process is killed, and
// nothing is missing once close() has returned.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.hpp"

namespace ringmx::load {

class AckWriter {
 public:
    // Makes the file, or empties it.
    static Result<std::unique_ptr<AckWriter>> create(const std::string& path);
    ~AckWriter();
    AckWriter(const AckWriter&) = delete;
    AckWriter& operator=(const AckWriter&) = delete;

    // Whole lines. Any thread.
    void add(std::string_view lines);
    // Everything is on disk (fdatasync) when it returns; the first error of all writes.
    Status close();

 private:
    AckWriter(int fd, std::string path);
    void run();

    int fd_;
    std::string path_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string waiting_;
    bool closing_ = false;
    int error_ = 0;
    std::thread thread_;
};

}  // namespace ringmx::load
