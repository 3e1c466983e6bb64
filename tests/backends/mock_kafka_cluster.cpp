// A cluster of librdkafka's mock brokers as a process of its own, for tests/e2e/test_kafka_server.py. It
// reads all that is published and writes it down:
//
//     mock_kafka_cluster TOPIC PARTITIONS FOLDER
//
// On standard output the brokers' addresses, then a line `ok` for each command taken from standard input:
// `down` and `up`, for all brokers. Ends with standard input. FOLDER/index has a line for each record, in the
// order read: a JSON object of its headers (a value that came more than once is joined with line ends), with
// its number as "record" and its partition; FOLDER/NUMBER has its content.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "mock_kafka.hpp"

namespace {

using ringmx::testing::MockConsumer;
using ringmx::testing::MockKafka;

constexpr std::chrono::milliseconds kPause{5};  // between two looks at what was read

void write_down(const ringmx::testing::ReadRecord& record, std::size_t number, const std::string& folder,
                std::ofstream& index) {
    std::ofstream(folder + "/" + std::to_string(number), std::ios::binary) << record.content;
    nlohmann::json line = record.headers;
    line["record"] = number;
    line["partition"] = record.partition;
    index << line.dump() << std::endl;  // flushed: it is read meanwhile
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        std::fputs("usage: mock_kafka_cluster TOPIC PARTITIONS FOLDER\n", stderr);
        return 2;
    }
    const std::string topic = words[1];
    const std::string folder = words[3];
    const int partitions = std::stoi(words[2]);

    MockKafka cluster;
    cluster.create_topic(topic, partitions, 3);
    MockConsumer consumer(cluster, topic, partitions);
    std::atomic<bool> ending{false};
    std::thread writer([&] {
        std::ofstream index(folder + "/index");
        std::size_t number = 0;
        while (!ending) {
            for (const auto& record : consumer.take())
                write_down(record, number++, folder, index);
            std::this_thread::sleep_for(kPause);
        }
    });
    std::cout << cluster.bootstraps() << std::endl;
    for (std::string command; std::getline(std::cin, command);) {
        cluster.set_down(command == "down");
        std::cout << "ok" << std::endl;
    }
    ending = true;
    writer.join();
    return 0;
}
