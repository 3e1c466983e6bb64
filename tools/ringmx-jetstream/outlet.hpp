// Where whole messages go: a Maildir, or standard output. What was written counts once sync() has returned.
//
// A Maildir knows which units are in it (new and cur, read at start), so that a message which comes again, as
// it does when an acknowledgement was lost, is not written twice. Standard output knows what this process
// wrote. Functions throw std::system_error when writing fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace ringmx::jetstream {

class Outlet {
 public:
    // An empty `maildir`: standard output, with chunks in a folder of its own below `work`.
    Outlet(const std::string& maildir, const std::string& work);
    ~Outlet();
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;

    bool has(const std::string& name) const { return present_.contains(name); }
    // A message: begin(), write() as often as need be, then end() or abandon(). `octets`: of all of it.
    void begin(const std::string& name, const std::string& id, std::uint64_t octets);
    void write(std::string_view bytes);
    void end();
    void abandon();
    void sync();

    // Folder for chunks of messages that are not whole yet.
    const std::string& chunk_folder() const { return chunk_folder_; }

 private:
    void collect_present(const std::string& folder);

    std::string maildir_;
    std::string chunk_folder_;
    std::unordered_set<std::string> present_;
    std::string name_;  // of the message that is being written
    int fd_ = -1;
    bool renamed_ = false;
};

}  // namespace ringmx::jetstream
