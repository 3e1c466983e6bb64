#include "recipients/http_client.hpp"

#include <climits>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace ringmx::recipients {

namespace {

// With less time left there is no use in asking again.
constexpr std::int64_t kTooLateNs = 10 * kNsPerMs;

// A connection that ended under a request, of which the service may have known nothing.
bool is_lost(CURLcode result) {
    return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING ||
           result == CURLE_PARTIAL_FILE;
}

}  // namespace

// A query may hold a secret.
ServiceName name_of(const HttpOptions& options) {
    const std::string& url = options.url.text();
    return {options.url.origin(), "url", url.substr(0, url.find('?'))};
}

Result<std::unique_ptr<ServiceClient>> HttpClient::make(const HttpOptions& options, ServiceDesk& desk) {
    const auto curl = CurlLibrary::get();
    if (!curl) return curl.error();
    std::unique_ptr<HttpClient> made(new HttpClient(**curl, options, desk));
    if (Status opened = made->open(); !opened) return opened.error();
    return std::unique_ptr<ServiceClient>(std::move(made));
}

Status HttpClient::open() {
    multi_ = curl_.multi_init();
    if (multi_ == nullptr) return Error{0, "libcurl has no memory"};
    const auto connections = static_cast<long>(options_.connections);
    curl_.multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    curl_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, connections);
    for (unsigned i = 0; i < options_.connections; ++i) {
        auto request = HttpRequest::make(curl_, options_.request);
        if (!request) return request.error();
        idle_.push_back(request->get());
        requests_.push_back(std::move(*request));
    }
    return ok_status();
}

HttpClient::~HttpClient() {
    for (const auto& request : requests_)
        curl_.multi_remove_handle(multi_, request->handle());
    requests_.clear();
    if (multi_ != nullptr) curl_.multi_cleanup(multi_);
}

// --- the turn
// ----------------------------------------------------------------------------------------------------------

// A service that could not be reached is tried with one request, not with all that wait.
bool HttpClient::can_begin() const {
    return !idle_.empty() && (!desk_.failing() || idle_.size() == requests_.size());
}

void HttpClient::assign(std::int64_t now_ns) {
    bool begun = true;
    while (begun) {
        begun = false;
        while (desk_.waiting() > 0 && can_begin() && now_ns >= desk_.retry_at_ns()) {
            HttpRequest& request = *idle_.back();
            idle_.pop_back();
            request.now = desk_.take();
            ask(request, now_ns);
            begun = true;
        }
        if (begun) serve(now_ns);  // some end at once
    }
}

void HttpClient::wait(int event, int timeout_ms) {
    curl_waitfd also{event, CURL_WAIT_POLLIN, 0};
    curl_.multi_poll(multi_, &also, 1, timeout_ms < 0 ? INT_MAX : timeout_ms, nullptr);
}

void HttpClient::serve(std::int64_t now_ns) {
    int running = 0;
    curl_.multi_perform(multi_, &running);
    int left = 0;
    while (CURLMsg* const message = curl_.multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode result = message->data.result;  // gone with the handle's removal
        finish(HttpRequest::of(curl_, message->easy_handle), result, now_ns);
    }
}

// --- requests
// ----------------------------------------------------------------------------------------------------------

// The next key of its question, or the answer if there is none.
void HttpClient::ask(HttpRequest& request, std::int64_t now_ns) {
    ServiceQuestion& question = request.now.question;
    while (const auto key = question.open_key()) {
        const std::string url = options_.url.expand(question.local_part(*key), question.domain_name());
        if (url.empty()) {
            question.say(*key, false);
            continue;
        }
        request.key = *key;
        request.prepare(url, (question.deadline_ns - now_ns) / kNsPerMs + 1);
        if (curl_.multi_add_handle(multi_, request.handle()) == CURLM_OK) return;
        desk_.troubled("cannot be asked: libcurl has no memory");
        return settle(request, true);
    }
    settle(request, false);
}

void HttpClient::finish(HttpRequest& request, CURLcode result, std::int64_t now_ns) {
    curl_.multi_remove_handle(multi_, request.handle());
    // The status is known even if what followed was too long.
    const bool cut_off = result == CURLE_WRITE_ERROR && request.status() != 0;
    if (result == CURLE_OK || cut_off) return answered(request, now_ns);
    broken(request, result, now_ns);
}

void HttpClient::answered(HttpRequest& request, std::int64_t now_ns) {
    switch (request.status()) {
        case 200:
        case 204:
        case 404:
        case 410:
            desk_.works();
            request.now.question.say(request.key, request.status() < 300);
            return ask(request, now_ns);
        default:
            desk_.troubled("answers " + request.text_of(CURLE_OK));
            return settle(request, true);
    }
}

// No whole answer has come. Who could not ask at all waits on, within its deadline; a connection that ended
// under a question is replaced once.
void HttpClient::broken(HttpRequest& request, CURLcode result, std::int64_t now_ns) {
    ServiceQuestion& question = request.now.question;
    const bool reached = request.reached(result);
    const bool late = question.deadline_ns - now_ns < kTooLateNs;
    const bool again = !late && (!reached || (is_lost(result) && !std::exchange(question.tried, true)));
    if (again) {
        put_back(request);
    } else {
        settle(request, true);
    }
    if (reached && late) return desk_.troubled("no answer in time");
    if (!reached) return desk_.failed(now_ns, "cannot be reached: " + request.text_of(result));
    if (!again) desk_.failed(now_ns, request.text_of(result));
}

void HttpClient::settle(HttpRequest& request, bool unavailable) {
    desk_.answer(request.now, unavailable);
    idle_.push_back(&request);
}

void HttpClient::put_back(HttpRequest& request) {
    desk_.ask_again(std::move(request.now));
    idle_.push_back(&request);
}

}  // namespace ringmx::recipients
