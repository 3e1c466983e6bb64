// The client of an HTTP service: a GET for each question, over a few connections that stay open, each with
// one question at a time. 200 and 204: the address exists; 404 and 410: it does not; anything else: nobody
// knows at present. docs/recipients.md.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/url_template.hpp"
#include "recipients/curl_library.hpp"
#include "recipients/http_request.hpp"
#include "recipients/service_client.hpp"
#include "recipients/service_desk.hpp"

namespace ringmx::recipients {

struct HttpOptions {
    UrlTemplate url;
    HttpRequestOptions request;
    unsigned connections = 4;
};

ServiceName name_of(const HttpOptions& options);

class HttpClient final : public ServiceClient {
 public:
    // Loads libcurl: before the process is confined.
    static Result<std::unique_ptr<ServiceClient>> make(const HttpOptions& options, ServiceDesk& desk);
    ~HttpClient() override;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    void expire(std::int64_t) override {}  // each request has its time from libcurl
    void assign(std::int64_t now_ns) override;
    bool can_begin() const override;
    std::int64_t next_deadline_ns() const override { return INT64_MAX; }
    void wait(int event, int timeout_ms) override;
    void serve(std::int64_t now_ns) override;

 private:
    HttpClient(const CurlLibrary& curl, const HttpOptions& options, ServiceDesk& desk)
        : curl_(curl), options_(options), desk_(desk) {}
    Status open();
    void ask(HttpRequest& request, std::int64_t now_ns);
    void finish(HttpRequest& request, CURLcode result, std::int64_t now_ns);
    void answered(HttpRequest& request, std::int64_t now_ns);
    void broken(HttpRequest& request, CURLcode result, std::int64_t now_ns);
    void settle(HttpRequest& request, bool unavailable);
    void put_back(HttpRequest& request);

    const CurlLibrary& curl_;
    const HttpOptions options_;
    ServiceDesk& desk_;
    CURLM* multi_ = nullptr;
    std::vector<std::unique_ptr<HttpRequest>> requests_;
    std::vector<HttpRequest*> idle_;
};

}  // namespace ringmx::recipients
