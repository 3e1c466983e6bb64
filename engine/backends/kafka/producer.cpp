#include "producer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace ringmx::kafka {
namespace {

constexpr auto purge_wait_max = std::chrono::seconds(2);
constexpr int destroy_wait_ms = 1000;
constexpr std::uint64_t framing_octets = 512;  // of a batch and a record around headers and content

class Configuration {
 public:
    Configuration() : raw_(rd_kafka_conf_new()) {}
    ~Configuration() {
        if (raw_ != nullptr) rd_kafka_conf_destroy(raw_);
    }
    Configuration(const Configuration&) = delete;
    Configuration& operator=(const Configuration&) = delete;

    void set(const std::string& name, const std::string& value) {
        std::array<char, 256> error{};
        if (rd_kafka_conf_set(raw_, name.c_str(), value.c_str(), error.data(), error.size()) !=
            RD_KAFKA_CONF_OK)
            throw std::runtime_error(error.data());
    }
    std::uint64_t number(const std::string& name) const {
        std::array<char, 64> text{};
        std::size_t octets = text.size();
        std::uint64_t value = 0;
        if (rd_kafka_conf_get(raw_, name.c_str(), text.data(), &octets) == RD_KAFKA_CONF_OK)
            std::from_chars(text.data(), text.data() + octets, value);
        return value;
    }
    rd_kafka_conf_t* raw() const { return raw_; }
    void release() { raw_ = nullptr; }

 private:
    rd_kafka_conf_t* raw_;
};

}  // namespace

Producer::Producer(const Settings& settings, Events events, int wake_fd) : events_(std::move(events)) {
    Configuration configuration;
    configuration.set("client.id", "ringmx");
    configuration.set("linger.ms", "2");
    configuration.set("socket.keepalive.enable", "true");
    configuration.set("reconnect.backoff.max.ms", "1000");
    // A topic that was refused, or that is not there, is asked about again; the library's default is 5
    // minutes.
    configuration.set("topic.metadata.refresh.interval.ms", "10000");
    configuration.set("queue.buffering.max.messages", "1000000");
    // The sender counts octets itself; the headers come on top.
    configuration.set("queue.buffering.max.kbytes",
                      std::to_string(2 * (settings.in_flight_octets_max >> 10) + (64u << 10)));
    for (const auto& [name, value] : settings.library)
        configuration.set(name, value);
    configuration.set("bootstrap.servers", settings.brokers);
    configuration.set("acks", "all");
    configuration.set("enable.idempotence", "true");
    configuration.set("message.timeout.ms", std::to_string(settings.timeout_ms));
    rd_kafka_conf_set_opaque(configuration.raw(), this);
    rd_kafka_conf_set_dr_msg_cb(configuration.raw(), on_delivery);
    rd_kafka_conf_set_error_cb(configuration.raw(), on_error);
    // Its log repeats, to standard error, what on_error() gets.
    rd_kafka_conf_set_log_cb(configuration.raw(), [](const rd_kafka_t*, int, const char*, const char*) {});

    const std::uint64_t most = configuration.number("message.max.bytes");
    if (most < records::record_octets_min + framing_octets) {
        throw std::runtime_error("option kafka.message.max.bytes is to be at least " +
                                 std::to_string(records::record_octets_min + framing_octets));
    }
    record_octets_max_ = most - framing_octets;
    std::array<char, 256> error{};
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, configuration.raw(), error.data(), error.size());
    if (handle_ == nullptr) throw std::runtime_error(error.data());
    configuration.release();
    static constexpr std::uint64_t one = 1;
    rd_kafka_queue_t* const queue = rd_kafka_queue_get_main(handle_);
    rd_kafka_queue_io_event_enable(queue, wake_fd, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
}

Producer::~Producer() {
    events_ = {};
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(handle_, destroy_wait_ms);
    rd_kafka_destroy(handle_);
}

void Producer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    const Events& events = static_cast<Producer*>(opaque)->events_;
    if (events.delivered) events.delivered(reinterpret_cast<std::uintptr_t>(message->_private), message->err);
}

void Producer::on_error(rd_kafka_t*, int, const char* reason, void* opaque) {
    const Events& events = static_cast<Producer*>(opaque)->events_;
    if (events.trouble) events.trouble(reason);
}

rd_kafka_resp_err_t Producer::produce(const std::string& topic, std::string_view key,
                                      const records::Headers& headers, std::string_view content,
                                      std::uint64_t ticket) {
    rd_kafka_headers_t* const list = rd_kafka_headers_new(headers.size());
    for (const auto& [name, value] : headers) {
        rd_kafka_header_add(list, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    }
    std::array<rd_kafka_vu_t, 6> values{};
    values[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    values[0].u.cstr = topic.c_str();
    values[1].vtype = RD_KAFKA_VTYPE_KEY;
    values[1].u.mem = {const_cast<char*>(key.data()), key.size()};
    values[2].vtype = RD_KAFKA_VTYPE_VALUE;
    values[2].u.mem = {const_cast<char*>(content.data()), content.size()};
    values[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    values[3].u.i = RD_KAFKA_MSG_F_COPY;
    values[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    values[4].u.headers = list;
    values[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    values[5].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(ticket));
    rd_kafka_error_t* const failure = rd_kafka_produceva(handle_, values.data(), values.size());
    if (failure == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t error = rd_kafka_error_code(failure);
    rd_kafka_error_destroy(failure);
    rd_kafka_headers_destroy(list);  // the library's only if it took the record
    return error;
}

void Producer::poll() {
    while (rd_kafka_poll(handle_, 0) > 0) {
    }
}

bool Producer::fatal() const {
    std::array<char, 8> text{};
    return rd_kafka_fatal_error(handle_, text.data(), text.size()) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Producer::purge() {
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    const auto end = std::chrono::steady_clock::now() + purge_wait_max;
    while (rd_kafka_outq_len(handle_) > 0 && std::chrono::steady_clock::now() < end)
        rd_kafka_poll(handle_, 10);
}

int Producer::replicas(const std::string& topic, int timeout_ms, std::string& why) const {
    rd_kafka_topic_t* const handle = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
    const struct rd_kafka_metadata* metadata = nullptr;
    const rd_kafka_resp_err_t error = handle == nullptr
                                          ? rd_kafka_last_error()
                                          : rd_kafka_metadata(handle_, 0, handle, &metadata, timeout_ms);
    int least = 0;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        why = rd_kafka_err2str(error);
    } else if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
               metadata->topics[0].partition_cnt == 0) {
        why = "topic " + topic + ": " +
              rd_kafka_err2str(metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                        : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
    } else {
        least = metadata->topics[0].partitions[0].replica_cnt;
        for (int i = 1; i < metadata->topics[0].partition_cnt; ++i)
            least = std::min(least, metadata->topics[0].partitions[i].replica_cnt);
    }
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    if (handle != nullptr) rd_kafka_topic_destroy(handle);
    return least;
}

}  // namespace ringmx::kafka
