// The backend `http`: posts each message to a webhook and answers with what its status says. Options and
// rules: docs/backends.md. Here are the options and the entry point; the work is the sender's, on its own
// thread.
#include <charconv>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "common/settings.hpp"
#include "http/envelope_headers.hpp"
#include "http/sender.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::http {
namespace {

long milliseconds(const plugin::Options& options, std::string_view name, std::chrono::seconds fallback) {
    using std::chrono::seconds;
    return static_cast<long>(
        backends::duration_option(options, name, fallback, seconds(1), seconds(3600)).count());
}

std::string url_option(const plugin::Options& options) {
    std::string url = options.require("url");
    if (!url.starts_with("http://") && !url.starts_with("https://"))
        throw std::runtime_error("option url is to begin with http:// or https://");
    return url;
}

std::string token_option(const plugin::Options& options) {
    std::string token = options.get("bearer_token", "");
    if (const auto path = options.find("bearer_token_file")) {
        if (!token.empty()) throw std::runtime_error("give bearer_token or bearer_token_file, not both");
        std::ifstream file(*path);
        if (!std::getline(file, token))
            throw std::runtime_error("option bearer_token_file: cannot read " + *path);
    }
    for (const char c : token) {
        if (c <= ' ' || c > '~')
            throw std::runtime_error("the bearer token is to be printable ASCII without spaces");
    }
    return token;
}

std::vector<std::string> headers_option(const plugin::Options& options) {
    std::vector<std::string> headers = options.all("headers");
    for (const std::string& header : headers) {
        if (!is_extra_header(header))
            throw std::runtime_error("option headers: \"" + header +
                                     "\" is not \"Name: value\", or is a field that is set already");
    }
    return headers;
}

std::vector<long> statuses_option(const plugin::Options& options, std::string_view name) {
    std::vector<long> statuses;
    for (const std::string& text : options.all(name)) {
        long status = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
        if (error != std::errc{} || end != text.data() + text.size() || status < 300 || status > 599)
            throw std::runtime_error("option " + std::string(name) + " is to hold numbers from 300 to 599");
        statuses.push_back(status);
    }
    return statuses;
}

SenderOptions sender_options(const plugin::Options& options) {
    SenderOptions sender;
    RequestOptions& request = sender.request;
    request.url = url_option(options);
    request.user_agent = "ringmx/" RINGMX_VERSION;
    request.bearer_token = token_option(options);
    request.headers = headers_option(options);
    request.ca_file = options.get("ca_file", "");
    if (!request.ca_file.empty() && !std::ifstream(request.ca_file))
        throw std::runtime_error("option ca_file: cannot read " + request.ca_file);
    request.http2 = backends::word_option(options, "http_version", {"auto", "1.1"}) == 0;
    request.timeout_ms = milliseconds(options, "timeout", std::chrono::seconds(60));
    request.connect_timeout_ms = milliseconds(options, "connect_timeout", std::chrono::seconds(10));
    request.rules.reject_4xx = backends::word_option(options, "on_4xx", {"retry", "reject"}) == 1;
    request.rules.reject_on = statuses_option(options, "reject_on");
    request.rules.retry_on = statuses_option(options, "retry_on");
    const std::uint64_t connections = options.number("connections", 8, 1, 256);
    sender.connections = static_cast<long>(connections);
    sender.requests = static_cast<std::size_t>(options.number("requests", connections, connections, 4096));
    request.wait_for_multiplexing = request.http2 && sender.requests > connections;
    return sender;
}

class HttpBackend final : public plugin::Backend {
 public:
    HttpBackend(plugin::Host host, const plugin::Options& options)
        : durability_(backends::durability_option(options)), sender_(host, sender_options(options)) {}

    plugin::Durability durability() const override { return durability_; }
    void submit(std::span<const plugin::Message> messages) override { sender_.submit(messages); }
    void close() override { sender_.stop(); }

 private:
    const plugin::Durability durability_;
    Sender sender_;
};

}  // namespace
}  // namespace ringmx::http

RINGMX_BACKEND(ringmx::http::HttpBackend, "http", RINGMX_VERSION)
