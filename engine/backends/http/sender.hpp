// The backend's thread: a queue of messages, and a libcurl multi handle with at most `requests` of them under
// way over at most `connections` connections, which stay open and are used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include <curl/curl.h>

#include "common/inbox.hpp"
#include "http/request.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::http {

struct SenderOptions {
    RequestOptions request;
    long connections = 8;
    std::size_t requests = 8;
    std::int64_t close_grace_ns = 5'000'000'000;  // for requests under way when the sender ends
};

class Sender {
 public:
    // Throws std::runtime_error if libcurl cannot do what the options say.
    Sender(plugin::Host host, SenderOptions options);
    ~Sender();  // stop()
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    // The owner's thread.
    void submit(std::span<const plugin::Message> messages);
    // Waits for the requests under way, at most close_grace; completes everything else with retry.
    void stop();

 private:
    struct Waiting {
        plugin::Message message;
        std::int64_t since_ns;
    };
    struct Counters {
        explicit Counters(const plugin::Host& host);
        ringmx_counter* requests;
        ringmx_counter* answers_2xx;
        ringmx_counter* answers_4xx;
        ringmx_counter* answers_5xx;
        ringmx_counter* answers_other;
        ringmx_counter* errors;
        ringmx_counter* connections;
    };

    void loop();
    void take_inbox();
    void start_requests();
    void finish_requests();
    void finish(Request& request, CURLcode result);
    void give_up_queue(std::string_view why, std::int64_t older_than_ns);
    void note_health(const Answer& answer);
    void count(const Answer& answer) const;

    const plugin::Host host_;
    const SenderOptions options_;
    const Counters counters_;
    CURLM* multi_ = nullptr;
    backends::Inbox inbox_;
    std::atomic<bool> stopping_{false};

    // The thread's own.
    std::deque<Waiting> queue_;
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> idle_;
    bool failing_ = false;  // the last request got no 2xx or 4xx

    std::thread thread_;
};

}  // namespace ringmx::http
