#include "http/request.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "common/settings.hpp"
#include "http/envelope_headers.hpp"

namespace ringmx::http {
namespace {

constexpr long kUploadBufferOctets = 256 * 1024;
constexpr long kAuthoritiesCacheS =
    60;  // then the file of authorities is read again, if a connection is opened

template <typename Value>
void set(CURL* handle, CURLoption option, Value value, const char* what) {
    const CURLcode code = curl_easy_setopt(handle, option, value);
    if (code != CURLE_OK) throw std::runtime_error(std::string(what) + ": " + curl_easy_strerror(code));
}

void append(curl_slist*& list, const std::string& text) {
    curl_slist* longer = curl_slist_append(list, text.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list = longer;
}

}  // namespace

Request::Request(const RequestOptions& options) : options_(options), handle_(curl_easy_init()) {
    if (handle_ == nullptr) throw std::runtime_error("libcurl gives no handle");
    try {
        set_constant_options();
    } catch (...) {
        curl_easy_cleanup(handle_);
        throw;
    }
}

Request::~Request() {
    curl_easy_cleanup(handle_);
    curl_slist_free_all(fields_);
}

Request& Request::of(CURL* handle) {
    char* self = nullptr;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &self);
    return *reinterpret_cast<Request*>(self);
}

void Request::set_constant_options() {
    set(handle_, CURLOPT_PRIVATE, this, "private");
    set(handle_, CURLOPT_URL, options_.url.c_str(), "option url");
    set(handle_, CURLOPT_PROTOCOLS_STR, "http,https", "protocols");
    set(handle_, CURLOPT_PROXY, "", "proxy");  // whatever the environment says
    set(handle_, CURLOPT_NOSIGNAL, 1L, "no signals");
    set(handle_, CURLOPT_USERAGENT, options_.user_agent.c_str(), "user agent");
    set(handle_, CURLOPT_POST, 1L, "post");
    set(handle_, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferOctets, "upload buffer");
    set(handle_, CURLOPT_TIMEOUT_MS, options_.timeout_ms, "option timeout");
    set(handle_, CURLOPT_CONNECTTIMEOUT_MS, options_.connect_timeout_ms, "option connect_timeout");
    set(handle_, CURLOPT_ERRORBUFFER, error_.data(), "error buffer");
    set(handle_, CURLOPT_PIPEWAIT, options_.wait_for_multiplexing ? 1L : 0L, "waiting for a connection");
    if (!options_.ca_file.empty()) {
        set(handle_, CURLOPT_CAINFO, options_.ca_file.c_str(), "option ca_file");
        // In place of the system's file, and of the system's folder. A libcurl over another TLS library has
        // none.
        curl_easy_setopt(handle_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        set(handle_, CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesCacheS, "option ca_file");
    }
    // HTTP/2 is agreed upon in the TLS handshake. Without TLS it would have to be known beforehand, and
    // libcurl 7.88 cannot use such a connection twice.
    set(handle_, CURLOPT_HTTP_VERSION,
        static_cast<long>(options_.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1),
        "option http_version");

    using DataFunction = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const DataFunction read = [](char* out, std::size_t size, std::size_t count, void* self) {
        return static_cast<Request*>(self)->read_body(out, size * count);
    };
    const DataFunction write = [](char* octets, std::size_t size, std::size_t count, void* self) {
        std::string& answer = static_cast<Request*>(self)->answer_;
        answer.append(octets,
                      std::min(size * count, answer_octets_max - std::min(answer.size(), answer_octets_max)));
        return size * count;
    };
    const curl_seek_callback go_back = [](void* self, curl_off_t offset, int origin) -> int {
        if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
        return static_cast<Request*>(self)->seek(offset) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
    };
    set(handle_, CURLOPT_READFUNCTION, read, "read");
    set(handle_, CURLOPT_READDATA, this, "read");
    set(handle_, CURLOPT_WRITEFUNCTION, write, "write");
    set(handle_, CURLOPT_WRITEDATA, this, "write");
    set(handle_, CURLOPT_SEEKFUNCTION, go_back, "seek");
    set(handle_, CURLOPT_SEEKDATA, this, "seek");
}

void Request::prepare(const plugin::Message& message) {
    message_.emplace(message);
    answer_.clear();
    error_[0] = '\0';
    seek(0);
    curl_slist_free_all(fields_);
    fields_ = nullptr;
    for (const std::string& field : envelope_headers(message))
        append(fields_, field);
    append(fields_, "Expect:");  // no 100-continue: it would cost a round trip for each message
    if (!options_.bearer_token.empty()) append(fields_, "Authorization: Bearer " + options_.bearer_token);
    for (const std::string& field : options_.headers)
        append(fields_, field);
    curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, fields_);
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.octets()));
}

std::size_t Request::read_body(char* out, std::size_t room) {
    const auto spans = message_->spans();
    std::size_t done = 0;
    while (done < room && span_ < spans.size()) {
        const ringmx_bytes& span = spans[span_];
        const std::size_t octets = std::min(room - done, span.size - offset_);
        if (octets > 0) std::memcpy(out + done, span.data + offset_, octets);
        done += octets;
        offset_ += octets;
        if (offset_ == span.size) {
            ++span_;
            offset_ = 0;
        }
    }
    return done;
}

bool Request::seek(curl_off_t offset) {
    auto left = static_cast<std::uint64_t>(offset);
    if (offset < 0 || left > message_->octets()) return false;
    span_ = 0;
    for (const ringmx_bytes& span : message_->spans()) {
        if (left < span.size) break;
        left -= span.size;
        ++span_;
    }
    offset_ = static_cast<std::size_t>(left);
    return true;
}

Answer Request::finish(CURLcode result) {
    Answer answer;
    if (result != CURLE_OK) {
        answer.text = backends::printable(error_[0] != '\0' ? error_.data() : curl_easy_strerror(result));
        message_.reset();
        return answer;
    }
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &answer.http_status);
    answer.status = options_.rules.of(answer.http_status);
    answer.text = answer_text(answer.http_status);
    curl_off_t sent = 0;
    curl_easy_getinfo(handle_, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (answer.status == RINGMX_STORED && sent < static_cast<curl_off_t>(message_->octets())) {
        answer.status = RINGMX_RETRY;
        answer.text += ", before it had the whole message";
    }
    message_.reset();
    return answer;
}

// "HTTP 422: " and the first line of the answer's body.
std::string Request::answer_text(long http_status) const {
    std::string text = "HTTP " + std::to_string(http_status);
    const std::string_view line = std::string_view(answer_).substr(0, answer_.find_first_of("\r\n"));
    if (!line.empty()) text.append(": ").append(line);
    return backends::printable(text);
}

}  // namespace ringmx::http
