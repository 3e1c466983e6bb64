#include "sender.hpp"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "errors.hpp"

namespace ringmx::kafka {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t report_grace_ns = 2'000 * ns_per_ms;      // rule 3
constexpr std::int64_t unfit_remembered_ns = 1'000 * ns_per_ms;  // before a topic is looked at again
constexpr std::int64_t complaint_pause_ns = 5'000 * ns_per_ms;   // between two lines of the log
constexpr int wait_ms = 250;
constexpr int topic_wait_ms = 2000;
constexpr std::size_t topics_max = 65536;
constexpr auto close_wait_max = std::chrono::seconds(5);
constexpr int replicas_min = 2;

}  // namespace

Sender::Sender(plugin::Host host, Settings settings) : host_(host), settings_(std::move(settings)) {
    counters_ = {host_.counter("records_stored"), host_.counter("octets_published"),
                 host_.counter("records_failed"), host_.counter("producers")};
    wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    try {
        producer_ = make_producer();
        if (settings_.durability == RINGMX_DURABLE_REPLICATED && settings_.topic.fixed()) {
            // Looked at now, to say at start what is wrong; brokers that are away may come later.
            std::string why;
            const int replicas = producer_->replicas(settings_.topic.text(), topic_wait_ms, why);
            if (replicas > 0 && replicas < replicas_min)
                throw std::runtime_error("topic " + settings_.topic.text() + " has one replica");
            if (replicas == 0) host_.log(RINGMX_LOG_WARNING, "kafka: " + why);
        }
    } catch (...) {
        producer_.reset();
        ::close(wake_fd_);
        throw;
    }
    thread_ = std::thread([this] { run(); });
}

Sender::~Sender() {
    close();
    ::close(wake_fd_);
}

std::unique_ptr<Producer> Sender::make_producer() {
    Events events;
    events.delivered = [this](std::uint64_t ticket, rd_kafka_resp_err_t error) { delivered(ticket, error); };
    events.trouble = [this](const std::string& text) {
        const Lock lock(mutex_);
        complain(text);
    };
    host_.count(counters_.producers);
    return std::make_unique<Producer>(settings_, std::move(events), wake_fd_);
}

void Sender::submit(std::span<const plugin::Message> messages) {
    const std::int64_t deadline_ns = host_.monotonic_ns() + settings_.timeout_ms * ns_per_ms;
    const Lock lock(mutex_);
    for (const plugin::Message& message : messages) {
        jobs_.try_emplace(++last_number_, message).first->second.deadline_ns = deadline_ns;
        queue_.push_back(last_number_);
    }
    wake();
}

void Sender::tick() {
    const std::int64_t now_ns = host_.monotonic_ns();
    const Lock lock(mutex_);
    for (auto at = jobs_.begin(); at != jobs_.end() && at->second.deadline_ns <= now_ns;) {
        const auto job = at++;
        const bool with_library = job->second.produced > job->second.delivered;
        if (with_library && job->second.deadline_ns + report_grace_ns > now_ns) continue;
        finish(job, RINGMX_RETRY, complaint_.empty() ? "not delivered in time" : complaint_);
    }
}

void Sender::close() {
    if (closed_) return;
    closed_ = true;
    const auto end = std::chrono::steady_clock::now() + close_wait_max;
    for (Lock lock(mutex_); !jobs_.empty() && std::chrono::steady_clock::now() < end;) {
        lock.unlock();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        lock.lock();
    }
    {
        const Lock lock(mutex_);
        stop_ = true;
        wake();
    }
    thread_.join();
    producer_.reset();
    const Lock lock(mutex_);
    while (!jobs_.empty())
        finish(jobs_.begin(), RINGMX_RETRY, "shutting down");
}

void Sender::finish(Jobs::iterator job, plugin::Status status, std::string_view text) {
    host_.complete(job->second.message.token(), status, text);
    jobs_.erase(job);  // its number may stay in queue_ and tickets_, where it is passed over
}

void Sender::complain(const std::string& text) {
    if (text == complaint_) return;
    complaint_ = text;
    // The library's reasons come with changing times and counts in them.
    const std::int64_t now_ns = host_.monotonic_ns();
    if (complained_ns_ != 0 && now_ns - complained_ns_ < complaint_pause_ns) return;
    complained_ns_ = now_ns;
    host_.log(RINGMX_LOG_WARNING, "kafka: " + text);
}

void Sender::wake() const {
    const std::uint64_t one = 1;
    if (::write(wake_fd_, &one, sizeof one) < 0) return;  // full: it is awake
}

void Sender::wait() const {
    pollfd entry{wake_fd_, POLLIN, 0};
    if (::poll(&entry, 1, wait_ms) <= 0) return;
    std::uint64_t count = 0;
    if (::read(wake_fd_, &count, sizeof count) < 0) return;
}

void Sender::run() {
    for (;;) {
        producer_->poll();
        if (producer_->fatal()) start_over();
        {
            Lock lock(mutex_);
            if (stop_) return;
            produce_all(lock);
        }
        wait();
    }
}

// An idempotent producer that met an error that it cannot mend delivers nothing more.
void Sender::start_over() {
    {
        const Lock lock(mutex_);
        complain("the producer failed and is made anew");
    }
    producer_->purge();
    producer_ = make_producer();
    const Lock lock(mutex_);
    // What the library did not report on will never be.
    tickets_.clear();
    in_flight_octets_ = 0;
}

void Sender::produce_all(Lock& lock) {
    while (!queue_.empty()) {
        if (!prepare(lock, queue_.front())) {
            queue_.pop_front();
            continue;
        }
        const auto job = jobs_.find(queue_.front());
        while (job->second.produced < job->second.plan->records()) {
            if (!produce_next(job)) return;
            if (!jobs_.contains(queue_.front())) break;  // it failed
        }
        queue_.pop_front();
    }
}

// A plan for a job, and topics that are fit. False: it is completed.
bool Sender::prepare(Lock& lock, std::uint64_t number) {
    const auto found = jobs_.find(number);
    if (found == jobs_.end()) return false;
    Job& job = found->second;
    if (job.plan) return true;
    std::string why;
    job.plan = records::plan(job.message, settings_.topic, producer_->record_octets_max(), why);
    if (!job.plan) {
        finish(found, RINGMX_REJECT, why);
        return false;
    }
    if (settings_.durability != RINGMX_DURABLE_REPLICATED) return true;
    for (const records::Unit& unit : std::vector<records::Unit>(job.plan->units)) {
        const bool fits = topic_fits(lock, unit.destination, why);  // lets go of the mutex
        const auto again = jobs_.find(number);
        if (again == jobs_.end()) return false;
        if (fits) continue;
        complain(why);
        finish(again, RINGMX_RETRY, why);
        return false;
    }
    return true;
}

bool Sender::topic_fits(Lock& lock, const std::string& topic, std::string& why) {
    const auto known = topics_.find(topic);
    if (known != topics_.end() && known->second == 0) return true;
    const std::int64_t now_ns = host_.monotonic_ns();
    if (known != topics_.end() && now_ns - known->second < unfit_remembered_ns) {
        why = complaint_;
        return false;
    }
    lock.unlock();
    const int replicas = producer_->replicas(topic, topic_wait_ms, why);
    lock.lock();
    if (replicas > 0 && replicas < replicas_min) why = "topic " + topic + " has one replica";
    if (topics_.size() >= topics_max) topics_.clear();
    topics_[topic] = replicas >= replicas_min ? 0 : host_.monotonic_ns();
    return replicas >= replicas_min;
}

// False: no room now; a delivery report makes some. A job that cannot be produced is completed.
bool Sender::produce_next(Jobs::iterator found) {
    Job& job = found->second;
    const records::Record record = records::record_at(*job.plan, job.produced);
    if (in_flight_octets_ > 0 && in_flight_octets_ + record.octets > settings_.in_flight_octets_max)
        return false;
    const std::string_view content =
        records::content_piece(job.message, record.offset, record.octets, scratch_);
    const std::string& key = settings_.key_is_domain ? record.unit->domain : job.plan->message_id;
    const std::uint64_t ticket = ++last_ticket_;
    const rd_kafka_resp_err_t error = producer_->produce(
        record.unit->destination, key, records::record_headers(*job.plan, record), content, ticket);
    switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            tickets_.emplace(ticket, Ticket{found->first, record.octets});
            in_flight_octets_ += record.octets;
            ++job.produced;
            return true;
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        case RD_KAFKA_RESP_ERR__FATAL:
            return false;
        default:
            complain(rd_kafka_err2str(error));
            finish(found, status_of(error), rd_kafka_err2str(error));
            return true;
    }
}

void Sender::delivered(std::uint64_t ticket, rd_kafka_resp_err_t error) {
    const Lock lock(mutex_);
    const auto at = tickets_.find(ticket);
    if (at == tickets_.end()) return;
    const Ticket record = at->second;
    tickets_.erase(at);
    in_flight_octets_ -= record.octets;
    host_.count(error == RD_KAFKA_RESP_ERR_NO_ERROR ? counters_.records : counters_.failed);
    const auto found = jobs_.find(record.number);
    if (found == jobs_.end()) return;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const std::string text = rd_kafka_err2str(error);
        complain(text);
        finish(found, status_of(error), text);
        return;
    }
    host_.count(counters_.octets, record.octets);
    complaint_.clear();
    Job& job = found->second;
    if (++job.delivered == job.plan->records()) finish(found, RINGMX_STORED, {});
}

}  // namespace ringmx::kafka
