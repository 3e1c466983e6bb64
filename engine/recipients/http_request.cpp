#include "recipients/http_request.hpp"

#include <algorithm>
#include <string_view>

#include "base/limits.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::size_t kTextOctetsMax = 120;  // of the body, for the log
constexpr long kConnectMs = 5'000;
constexpr long kAuthoritiesCacheS =
    60;  // then the file of authorities is read again, if a connection is opened

// What a counterpart says, made fit for a line of the log.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, kTextOctetsMax));
    for (char& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

}  // namespace

HttpRequest::~HttpRequest() {
    if (handle_ != nullptr) curl_.easy_cleanup(handle_);
    curl_.slist_free_all(fields_);
}

Result<std::unique_ptr<HttpRequest>> HttpRequest::make(const CurlLibrary& curl,
                                                       const HttpRequestOptions& options) {
    std::unique_ptr<HttpRequest> made(new HttpRequest(curl));
    made->handle_ = curl.easy_init();
    if (made->handle_ == nullptr || !made->set_fields(options) || !made->set_constant_options(options))
        return Error{0, "libcurl refuses an option, or has no memory; 7.87 or newer is needed"};
    return made;
}

HttpRequest& HttpRequest::of(const CurlLibrary& curl, CURL* handle) {
    char* self = nullptr;
    curl.easy_getinfo(handle, CURLINFO_PRIVATE, &self);
    return *reinterpret_cast<HttpRequest*>(self);
}

bool HttpRequest::set_fields(const HttpRequestOptions& options) {
    std::vector<std::string> fields = options.headers;
    if (!options.bearer_token.empty()) fields.push_back("Authorization: Bearer " + options.bearer_token);
    for (const std::string& field : fields) {
        curl_slist* const longer = curl_.slist_append(fields_, field.c_str());
        if (longer == nullptr) return false;
        fields_ = longer;
    }
    return true;
}

bool HttpRequest::set_constant_options(const HttpRequestOptions& options) {
    using DataFunction = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    // An answer that does not end is cut off; its status has come by then.
    const DataFunction write = [](char* octets, std::size_t size, std::size_t count, void* self) {
        auto& request = *static_cast<HttpRequest*>(self);
        const std::size_t kept = std::min(size * count, kTextOctetsMax - request.body_.size());
        request.body_.append(octets, kept);
        request.body_octets_ += size * count;
        return request.body_octets_ > limits::http_answer_octets_max ? 0 : size * count;
    };
    bool good = true;
    const auto set = [&](CURLoption option, auto value) {
        good = good && curl_.easy_setopt(handle_, option, value) == CURLE_OK;
    };
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, "");  // whatever the environment says
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // the end does not wait for a name that is being looked up
    set(CURLOPT_HTTPGET, 1L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
    set(CURLOPT_USERAGENT, options.user_agent.c_str());
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_HTTPHEADER, fields_);
    set(CURLOPT_WRITEFUNCTION, write);
    set(CURLOPT_WRITEDATA, this);
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        // In place of the system's file, and of the system's folder. A libcurl over another TLS library has
        // none.
        curl_.easy_setopt(handle_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        set(CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesCacheS);
    }
    return good;
}

void HttpRequest::prepare(const std::string& url, std::int64_t timeout_ms) {
    body_.clear();
    body_octets_ = 0;
    error_[0] = '\0';
    curl_.easy_setopt(handle_, CURLOPT_URL, url.c_str());
    curl_.easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(timeout_ms, 1)));
}

long HttpRequest::status() const {
    long status = 0;
    curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

// libcurl asks once more by itself when a connection that was kept turns out to be dead: what it has noted of
// the time before says nothing about that attempt.
bool HttpRequest::reached(CURLcode result) const {
    if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) return false;
    curl_off_t connected_us = 0;
    curl_.easy_getinfo(handle_, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    return connected_us > 0;
}

std::string HttpRequest::text_of(CURLcode result) const {
    if (result != CURLE_OK) return printable(error_[0] != '\0' ? error_.data() : curl_.easy_strerror(result));
    std::string text = "HTTP " + std::to_string(status());
    const std::string_view line = std::string_view(body_).substr(0, body_.find_first_of("\r\n"));
    if (!line.empty()) text += ": " + printable(line);
    return text;
}

}  // namespace ringmx::recipients
