// The mock cluster of librdkafka: brokers within this process that speak enough of the protocol, and a
// consumer that reads everything from the beginning.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace ringmx::testing {

class MockKafka {
 public:
    explicit MockKafka(int brokers = 3);
    ~MockKafka();
    MockKafka(const MockKafka&) = delete;
    MockKafka& operator=(const MockKafka&) = delete;

    std::string bootstraps() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    void create_topic(const std::string& topic, int partitions, int replicas) const;
    // The next produce requests fail with these.
    void fail_produce(const std::vector<rd_kafka_resp_err_t>& errors) const;
    // The next requests for a producer's id fail with these.
    void fail_producer_id(const std::vector<rd_kafka_resp_err_t>& errors) const;
    // The next produce requests to any broker are answered later.
    void delay_produce(int milliseconds, int requests) const;
    void set_down(bool down) const;

 private:
    rd_kafka_t* handle_;
    rd_kafka_mock_cluster_t* cluster_;
    int brokers_;
};

struct ReadRecord {
    std::string key, content;
    std::map<std::string, std::string> headers;
    int partition = 0;
};

// Reads a topic on a thread of its own from now to its end. The mock keeps 5 MiB of a partition only.
class MockConsumer {
 public:
    MockConsumer(const MockKafka& cluster, const std::string& topic, int partitions);
    ~MockConsumer();
    MockConsumer(const MockConsumer&) = delete;
    MockConsumer& operator=(const MockConsumer&) = delete;

    // What has been read so far, in the order of each partition.
    std::vector<ReadRecord> records() const;
    // The same, of what was read since the last call, which is then forgotten.
    std::vector<ReadRecord> take();
    // Messages put together from complete units, by Ringmx-Unit; one that comes twice is joined again.
    std::map<std::string, std::string> messages() const;

 private:
    void run();
    rd_kafka_t* handle_;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::vector<ReadRecord> records_;
    std::thread thread_;
};

}  // namespace ringmx::testing
