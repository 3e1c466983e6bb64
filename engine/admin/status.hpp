// The status socket: a Unix stream socket that answers one-line requests with one line of JSON and closes.
// Requests:
//   status    the server's counters
//   reload    what SIGHUP does; answered when it has begun
// The socket's file has mode 0600: only the server's user (and root) may ask. One thread, one client at a
// time, each with a deadline; requests are bounded by limits::admin_request_bytes_max.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.hpp"

namespace ringmx::admin {

class StatusServer {
 public:
    using Source = std::function<std::string()>;  // one JSON object without LF; called on the status thread

    // Binds `path` and starts the thread. A socket file that nobody listens on any more is replaced; one that
    // is in use, or a file of another kind, is an error.
    // `reload` may be empty: then it is an unknown request.
    static Result<std::unique_ptr<StatusServer>> start(const std::string& path, Source status,
                                                       std::function<void()> reload = {});
    ~StatusServer();  // ends the thread and removes the file
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;

 private:
    StatusServer(std::string path, int listener, int stop_event, Source status, std::function<void()> reload);
    void run();
    void serve(int client);
    std::string answer(std::string_view request) const;

    const std::string path_;
    const int listener_;
    const int stop_event_;
    const std::uint64_t inode_;  // of the socket's file, so that a successor's file is left alone
    const Source status_;
    const std::function<void()> reload_;
    std::thread thread_;
};

// The client's side: sends one request ("status") to a server's socket and returns its answer without the LF.
Result<std::string> ask(const std::string& path, std::string_view request);

}  // namespace ringmx::admin
