// A file for one test, gone at its end.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringmx::recipients::test {

class TemporaryFile {
 public:
    explicit TemporaryFile(std::string_view contents = {})
        : path_(testing::TempDir() + "ringmx-recipients-" + std::to_string(getpid()) + "-" +
                std::to_string(++counter_)) {
        write(contents);
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::string& path() const { return path_; }
    void write(std::string_view contents) const {
        std::ofstream(path_, std::ios::binary | std::ios::trunc).write(contents.data(), std::ssize(contents));
    }
    // Another file under the same name.
    void replace(std::string_view contents) const {
        const std::string other = path_ + "-new";
        std::ofstream(other, std::ios::binary).write(contents.data(), std::ssize(contents));
        std::filesystem::rename(other, path_);
    }
    std::string read() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

 private:
    static inline int counter_ = 0;
    std::string path_;
};

}  // namespace ringmx::recipients::test
