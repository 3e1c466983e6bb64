// One POST at a time through a libcurl easy handle: the body is read from the message's spans as libcurl asks
// for it, and only the beginning of the answer is kept. Used again for the next message. On the sender's
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>

#include "http/answer.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::http {

struct RequestOptions {
    std::string url;
    std::string user_agent;
    std::string bearer_token;          // empty: none
    std::vector<std::string> headers;  // each is_extra_header()
    std::string ca_file;               // empty: the system's
    bool http2 = true;                 // if the server agrees to it under TLS
    bool wait_for_multiplexing = false;
    long timeout_ms = 60'000;
    long connect_timeout_ms = 10'000;
    AnswerRules rules;
};

struct Answer {
    ringmx_status status = RINGMX_RETRY;
    long http_status = 0;  // 0: there was none
    std::string text;      // printable; for the reply and the log
};

class Request {
 public:
    // `options` outlive it. Throws std::runtime_error if libcurl refuses an option.
    explicit Request(const RequestOptions& options);
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    CURL* handle() const { return handle_; }
    // What the handle was given for finding its way back.
    static Request& of(CURL* handle);

    // Prepares the handle; the message stays valid until finish().
    void prepare(const plugin::Message& message);
    const plugin::Message& message() const { return *message_; }
    // The transfer has ended with `result`, and the handle is no longer in a multi handle.
    Answer finish(CURLcode result);

 private:
    static constexpr std::size_t answer_octets_max = 512;

    std::size_t read_body(char* out, std::size_t room);
    bool seek(curl_off_t offset);
    void set_constant_options();
    std::string answer_text(long http_status) const;

    const RequestOptions& options_;
    CURL* handle_ = nullptr;
    curl_slist* fields_ = nullptr;
    std::optional<plugin::Message> message_;
    std::size_t span_ = 0;    // the next octet to be read
    std::size_t offset_ = 0;  // in the span
    std::string answer_;      // the beginning of the answer's body
    std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace ringmx::http
