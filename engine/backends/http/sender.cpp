#include "http/sender.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace ringmx::http {
namespace {

constexpr int kPollMsMax = 250;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kEveryAge = std::numeric_limits<std::int64_t>::max();

void initialise_curl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

Sender::Counters::Counters(const plugin::Host& host)
    : requests(host.counter("requests")),
      answers_2xx(host.counter("answers_2xx")),
      answers_4xx(host.counter("answers_4xx")),
      answers_5xx(host.counter("answers_5xx")),
      answers_other(host.counter("answers_other")),
      errors(host.counter("errors")),
      connections(host.counter("connections")) {}

Sender::Sender(plugin::Host host, SenderOptions options)
    : host_(host), options_(std::move(options)), counters_(host_) {
    initialise_curl();
    for (std::size_t i = 0; i < options_.requests; ++i) {
        requests_.push_back(std::make_unique<Request>(options_.request));
        idle_.push_back(requests_.back().get());
    }
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw std::runtime_error("libcurl gives no multi handle");
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.connections);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, options_.connections);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    thread_ = std::thread([this] { loop(); });
}

Sender::~Sender() {
    stop();
    requests_.clear();
    curl_multi_cleanup(multi_);
}

void Sender::submit(std::span<const plugin::Message> messages) {
    if (inbox_.put(messages)) curl_multi_wakeup(multi_);
}

void Sender::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
}

void Sender::loop() {
    std::int64_t give_up_ns = 0;  // 0: not stopping
    while (true) {
        take_inbox();
        if (stopping_ && give_up_ns == 0) {
            give_up_ns = host_.monotonic_ns() + options_.close_grace_ns;
            take_inbox();  // what came before stop()
        }
        if (give_up_ns != 0) {
            give_up_queue("the server is shutting down", kEveryAge);
            if (idle_.size() == requests_.size() || host_.monotonic_ns() >= give_up_ns) break;
        } else {
            start_requests();
            give_up_queue("every connection is busy",
                          host_.monotonic_ns() - options_.request.timeout_ms * kNsPerMs);
        }
        int running = 0;
        curl_multi_perform(multi_, &running);
        finish_requests();
        // With something to start, the turn goes on at once.
        const bool can_start = give_up_ns == 0 && !queue_.empty() && !idle_.empty();
        curl_multi_poll(multi_, nullptr, 0, can_start ? 0 : kPollMsMax, nullptr);
    }
    for (const auto& request : requests_) {
        if (std::find(idle_.begin(), idle_.end(), request.get()) == idle_.end())
            finish(*request, CURLE_ABORTED_BY_CALLBACK);
    }
}

void Sender::take_inbox() {
    for (const plugin::Message& message : inbox_.take())
        queue_.push_back({message, host_.monotonic_ns()});
}

void Sender::start_requests() {
    while (!queue_.empty() && !idle_.empty()) {
        Request& request = *idle_.back();
        idle_.pop_back();
        request.prepare(queue_.front().message);
        queue_.pop_front();
        host_.count(counters_.requests);
        if (curl_multi_add_handle(multi_, request.handle()) != CURLM_OK) finish(request, CURLE_FAILED_INIT);
    }
}

void Sender::finish_requests() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode result = message->data.result;  // gone with the handle's removal
        finish(Request::of(message->easy_handle), result);
    }
}

void Sender::finish(Request& request, CURLcode result) {
    long connects = 0;
    curl_easy_getinfo(request.handle(), CURLINFO_NUM_CONNECTS, &connects);
    host_.count(counters_.connections, static_cast<std::uint64_t>(connects));
    curl_multi_remove_handle(multi_, request.handle());
    const std::uint64_t token = request.message().token();
    const Answer answer = request.finish(result);
    idle_.push_back(&request);
    count(answer);
    note_health(answer);
    host_.complete(token, answer.status, answer.status == RINGMX_STORED ? std::string_view{} : answer.text);
}

void Sender::count(const Answer& answer) const {
    switch (answer.http_status / 100) {
        case 0:
            host_.count(counters_.errors);
            break;
        case 2:
            host_.count(counters_.answers_2xx);
            break;
        case 4:
            host_.count(counters_.answers_4xx);
            break;
        case 5:
            host_.count(counters_.answers_5xx);
            break;
        default:
            host_.count(counters_.answers_other);
    }
}

// One line when it begins to fail and one when it works again, not one for each message.
void Sender::note_health(const Answer& answer) {
    const bool fails = answer.http_status == 0 || answer.http_status >= 500;
    if (fails && !failing_) host_.log(RINGMX_LOG_WARNING, "the webhook fails: " + answer.text);
    if (!fails && failing_) host_.log(RINGMX_LOG_INFO, "the webhook answers again");
    failing_ = fails;
}

void Sender::give_up_queue(std::string_view why, std::int64_t older_than_ns) {
    while (!queue_.empty() && queue_.front().since_ns < older_than_ns) {
        host_.retry(queue_.front().message.token(), why);
        queue_.pop_front();
    }
}

}  // namespace ringmx::http
