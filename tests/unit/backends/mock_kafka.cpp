#include "mock_kafka.hpp"

#include <array>
#include <stdexcept>
#include <utility>

namespace ringmx::testing {
namespace {

constexpr std::int16_t produce_request = 0;  // ApiKey
constexpr std::int16_t init_producer_id_request = 22;

rd_kafka_t* make(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& settings) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    std::array<char, 256> error{};
    for (const auto& [name, value] : settings) {
        if (rd_kafka_conf_set(conf, name, value.c_str(), error.data(), error.size()) != RD_KAFKA_CONF_OK)
            throw std::runtime_error(error.data());
    }
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_t* const handle = rd_kafka_new(type, conf, error.data(), error.size());
    if (handle == nullptr) throw std::runtime_error(error.data());
    return handle;
}

ReadRecord read(const rd_kafka_message_t& message) {
    ReadRecord record;
    record.key.assign(static_cast<const char*>(message.key), message.key_len);
    record.content.assign(static_cast<const char*>(message.payload), message.len);
    record.partition = message.partition;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t octets = 0;
        for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &octets) == 0; ++i) {
            std::string& text = record.headers[name];
            if (!text.empty()) text += '\n';
            text.append(static_cast<const char*>(value), octets);
        }
    }
    return record;
}

}  // namespace

MockKafka::MockKafka(int brokers)
    : handle_(make(RD_KAFKA_PRODUCER, {})),
      cluster_(rd_kafka_mock_cluster_new(handle_, brokers)),
      brokers_(brokers) {}

MockKafka::~MockKafka() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(handle_);
}

void MockKafka::create_topic(const std::string& topic, int partitions, int replicas) const {
    if (rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, replicas) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error("cannot create topic " + topic);
}

void MockKafka::fail_produce(const std::vector<rd_kafka_resp_err_t>& errors) const {
    rd_kafka_mock_push_request_errors_array(cluster_, produce_request, errors.size(), errors.data());
}

void MockKafka::fail_producer_id(const std::vector<rd_kafka_resp_err_t>& errors) const {
    rd_kafka_mock_push_request_errors_array(cluster_, init_producer_id_request, errors.size(), errors.data());
}

void MockKafka::delay_produce(int milliseconds, int requests) const {
    for (int broker = 1; broker <= brokers_; ++broker) {
        for (int i = 0; i < requests; ++i) {
            rd_kafka_mock_broker_push_request_error_rtts(cluster_, broker, produce_request, 1,
                                                         RD_KAFKA_RESP_ERR_NO_ERROR, milliseconds);
        }
    }
}

void MockKafka::set_down(bool down) const {
    for (int broker = 1; broker <= brokers_; ++broker) {
        if (down) {
            rd_kafka_mock_broker_set_down(cluster_, broker);
        } else {
            rd_kafka_mock_broker_set_up(cluster_, broker);
        }
    }
}

MockConsumer::MockConsumer(const MockKafka& cluster, const std::string& topic, int partitions)
    : handle_(make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", cluster.bootstraps()},
                                       {"group.id", "test"},
                                       {"enable.auto.commit", "false"},
                                       {"auto.offset.reset", "error"},
                                       {"fetch.wait.max.ms", "10"},
                                       {"reconnect.backoff.max.ms", "200"}})) {
    rd_kafka_poll_set_consumer(handle_);
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = 0; partition < partitions; ++partition)
        rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = 0;
    rd_kafka_assign(handle_, list);
    rd_kafka_topic_partition_list_destroy(list);
    thread_ = std::thread([this] { run(); });
}

MockConsumer::~MockConsumer() {
    stop_ = true;
    thread_.join();
    rd_kafka_consumer_close(handle_);
    rd_kafka_destroy(handle_);
}

void MockConsumer::run() {
    while (!stop_) {
        rd_kafka_message_t* const message = rd_kafka_consumer_poll(handle_, 50);
        if (message == nullptr) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const std::lock_guard lock(mutex_);
            records_.push_back(read(*message));
        }
        rd_kafka_message_destroy(message);
    }
}

std::vector<ReadRecord> MockConsumer::records() const {
    const std::lock_guard lock(mutex_);
    return records_;
}

std::vector<ReadRecord> MockConsumer::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(records_, {});
}

std::map<std::string, std::string> MockConsumer::messages() const {
    std::map<std::string, std::map<int, std::string>> chunks;
    std::map<std::string, int> counts;
    const std::lock_guard lock(mutex_);
    for (const ReadRecord& record : records_) {
        const std::string& unit = record.headers.at("Ringmx-Unit");
        int number = 1;
        counts[unit] = 1;
        if (const auto chunk = record.headers.find("Ringmx-Chunk"); chunk != record.headers.end()) {
            number = std::stoi(chunk->second);
            counts[unit] = std::stoi(chunk->second.substr(chunk->second.find('/') + 1));
        }
        chunks[unit][number] = record.content;
    }
    std::map<std::string, std::string> whole;
    for (const auto& [unit, parts] : chunks) {
        if (parts.size() != static_cast<std::size_t>(counts[unit])) continue;
        for (const auto& [number, part] : parts)
            whole[unit] += part;
    }
    return whole;
}

}  // namespace ringmx::testing
