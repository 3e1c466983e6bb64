// One GET at a time through an easy handle of libcurl's, used again for the next. Of the answer the status
// counts; of its body the first line is kept, for the log.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recipients/curl_library.hpp"
#include "recipients/service_desk.hpp"

namespace ringmx::recipients {

struct HttpRequestOptions {
    std::string user_agent;
    std::vector<std::string> headers;  // "Name: value"
    std::string bearer_token;          // empty: none
    std::string ca_file;               // empty: the system's authorities
};

class HttpRequest {
 public:
    ~HttpRequest();
    HttpRequest(const HttpRequest&) = delete;
    HttpRequest& operator=(const HttpRequest&) = delete;

    static Result<std::unique_ptr<HttpRequest>> make(const CurlLibrary& curl,
                                                     const HttpRequestOptions& options);
    // What the handle was given for finding its way back.
    static HttpRequest& of(const CurlLibrary& curl, CURL* handle);

    CURL* handle() const { return handle_; }
    // Prepares the handle, which is in no multi handle.
    void prepare(const std::string& url, std::int64_t timeout_ms);
    // Once the transfer has ended.
    long status() const;  // 0: there was no answer
    // There was a connection, so that the service could be asked.
    bool reached(CURLcode result) const;
    std::string text_of(CURLcode result) const;  // "HTTP 503: overloaded", "Connection refused"

    ServiceDesk::Waiting now;  // whom it asks for
    ServiceQuestion::Key key = ServiceQuestion::address;

 private:
    explicit HttpRequest(const CurlLibrary& curl) : curl_(curl) {}
    bool set_constant_options(const HttpRequestOptions& options);
    bool set_fields(const HttpRequestOptions& options);

    const CurlLibrary& curl_;
    CURL* handle_ = nullptr;
    curl_slist* fields_ = nullptr;
    std::string body_;  // its beginning
    std::uint64_t body_octets_ = 0;
    std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace ringmx::recipients
