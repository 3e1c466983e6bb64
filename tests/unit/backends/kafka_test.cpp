// The kafka backend against librdkafka's mock cluster. No broker of Apache Kafka is in here: replication,
// flushing and everything else that happens behind the protocol is not tested by this.
#include <algorithm>
#include <memory>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "mock_kafka.hpp"
#include "opened_backend.hpp"

namespace ringmx::testing {
namespace {

constexpr int partitions = 4;
constexpr std::uint32_t KiB = 1024;

std::string unit_of(std::uint64_t number) {
    char text[40];
    std::snprintf(text, sizeof text, "%032llx", static_cast<unsigned long long>(number));
    return text;
}

class Kafka : public ::testing::Test {
 protected:
    OptionList options(OptionList more = {}) {
        OptionList all{{"brokers", cluster.bootstraps()}, {"kafka.reconnect.backoff.max.ms", "200"}};
        for (auto& [name, value] : more) {
            if (name == "topic") continue;
            all.emplace_back(name, value);
        }
        all.emplace_back("topic", "mail");
        return all;
    }
    void SetUp() override { cluster.create_topic("mail", partitions, 3); }

    static std::unique_ptr<SampleMessage> message(std::uint32_t number, std::size_t octets,
                                                  std::vector<std::string> to = {"u@example.com"}) {
        return std::make_unique<SampleMessage>(number, noise(number, octets), std::move(to), 60000);
    }
    static void expect_stored(const OpenedBackend& backend, std::size_t count) {
        EXPECT_EQ(backend.outcomes().size(), count);
        for (const auto& [number, outcome] : backend.outcomes())
            EXPECT_EQ(outcome.status, RINGMX_STORED) << number << " " << outcome.text;
        EXPECT_EQ(backend.false_completions(), 0);
    }

    MockKafka cluster;
};

TEST_F(Kafka, ThousandMailsOfMixedSizesArriveByteExactAndOnce) {
    OpenedBackend backend(KAFKA_BACKEND, options());
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    constexpr std::uint32_t count = 1000;
    std::map<std::string, std::size_t> sizes;
    std::size_t since = 0;
    for (std::uint32_t number = 1; number <= count; ++number) {
        const std::size_t octets = number % 100 == 0 ? 2000 * KiB : number % 10 == 0 ? 200 * KiB : number * 7;
        sizes[unit_of(number)] = octets;
        backend.submit(message(number, octets));
        // The mock forgets what is older than 5 MiB: let the consumer keep up.
        if ((since += octets) < 1000 * KiB && number != count) continue;
        since = 0;
        ASSERT_TRUE(backend.wait_all());
        ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == number; }));
    }
    backend.close();
    expect_stored(backend, count);
    std::uint32_t number = 0;
    for (const auto& [unit, content] : consumer.messages()) {
        ++number;
        ASSERT_EQ(unit, unit_of(number));
        ASSERT_TRUE(content == noise(number, sizes[unit])) << unit;
    }
    std::set<std::string> seen;
    for (const ReadRecord& record : consumer.records()) {
        const auto chunk = record.headers.find("Ringmx-Chunk");
        const std::string name =
            record.headers.at("Ringmx-Unit") + (chunk == record.headers.end() ? "" : chunk->second);
        EXPECT_TRUE(seen.insert(name).second) << name;
        EXPECT_EQ(record.key, record.headers.at("Ringmx-Id"));
    }
}

TEST_F(Kafka, TenMiBAreCutIntoChunksOfOnePartitionInTheirOrder) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"in_flight_octets", "1MiB"}, {"timeout", "60s"}}));
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    cluster.delay_produce(400, 20);  // or the mock drops chunks before they are read
    backend.submit(message(1, 10240 * KiB));
    ASSERT_TRUE(backend.wait_all());
    expect_stored(backend, 1);
    ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == 1; }));
    EXPECT_TRUE(consumer.messages().at(unit_of(1)) == noise(1, 10240 * KiB));
    const auto records = consumer.records();
    ASSERT_GT(records.size(), 10u);
    for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(records[i].partition, records[0].partition);
        EXPECT_EQ(records[i].headers.at("Ringmx-Chunk"),
                  std::to_string(i + 1) + "/" + std::to_string(records.size()));
        EXPECT_LE(records[i].content.size(), 1000000u);
    }
}

// The mock takes no notice of sequence numbers: a batch whose answer was lost is there twice, where a broker
// would have dropped it.
TEST_F(Kafka, ErrorsOnTheWayAreMended) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"timeout", "60s"}, {"kafka.retry.backoff.ms", "10"}}));
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    cluster.fail_produce({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
                          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                          RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND});
    for (std::uint32_t number = 1; number <= 50; ++number)
        backend.submit(message(number, 2000));
    ASSERT_TRUE(backend.wait_all());
    expect_stored(backend, 50);
    ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == 50; }));
    for (const ReadRecord& record : consumer.records()) {
        const auto number =
            static_cast<std::uint32_t>(std::stoul(record.headers.at("Ringmx-Id"), nullptr, 16));
        EXPECT_TRUE(record.content == noise(number, 2000));
    }
}

TEST_F(Kafka, RecordThatTheBrokerRefusesIsRejected) {
    OpenedBackend backend(KAFKA_BACKEND, options());
    ASSERT_EQ(backend.error(), "");
    cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
    backend.submit(message(1, 100));
    ASSERT_TRUE(backend.wait_all());
    EXPECT_EQ(backend.outcomes().at(1).status, RINGMX_REJECT);
    EXPECT_NE(backend.outcomes().at(1).text, "");
    backend.submit(message(2, 100));
    ASSERT_TRUE(backend.wait_all());
    EXPECT_EQ(backend.outcomes().at(2).status, RINGMX_STORED);
}

TEST_F(Kafka, WrongConfigurationOfTheClusterIsRetried) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"kafka.topic.metadata.refresh.interval.ms", "100"}}));
    ASSERT_EQ(backend.error(), "");
    std::uint32_t number = 0;
    for (const auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
                             RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED}) {
        cluster.fail_produce({error});
        backend.submit(message(++number, 100));
        ASSERT_TRUE(backend.wait_all());
        EXPECT_EQ(backend.outcomes().at(number).status, RINGMX_RETRY) << rd_kafka_err2str(error);
    }
    // The library remembers a refusal until it asks about the topic again.
    const auto stored = [&] { return backend.outcomes().at(number).status == RINGMX_STORED; };
    for (int attempt = 0; attempt < 300 && !stored(); ++attempt) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        backend.submit(message(number, 100));
        ASSERT_TRUE(backend.wait_all());
    }
    EXPECT_TRUE(stored()) << backend.outcomes().at(number).text;
}

// An idempotent producer cannot go on after some errors: another one is made.
TEST_F(Kafka, ProducerThatFailedForGoodIsReplaced) {
    cluster.fail_producer_id({RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
    OpenedBackend backend(KAFKA_BACKEND, options());
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    const auto stored = [&] {
        return backend.outcomes().contains(1) && backend.outcomes().at(1).status == RINGMX_STORED;
    };
    for (int attempt = 0; attempt < 20 && !stored(); ++attempt) {
        backend.submit(message(1, 100));
        ASSERT_TRUE(backend.wait_all());
        EXPECT_NE(backend.outcomes().at(1).status, RINGMX_REJECT);
    }
    EXPECT_TRUE(stored());
    EXPECT_EQ(backend.counter("producers"), 2u);
    ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == 1; }));
}

// The sequence of a partition is broken: the library starts it anew, at most with the same message twice.
TEST_F(Kafka, BrokenSequenceIsStartedAnew) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"kafka.retry.backoff.ms", "10"}}));
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
                          RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
    for (std::uint32_t number = 1; number <= 5; ++number) {
        for (int attempt = 0; attempt < 20; ++attempt) {
            backend.submit(message(number, 100));
            ASSERT_TRUE(backend.wait_all());
            if (backend.outcomes().at(number).status == RINGMX_STORED) break;
        }
    }
    expect_stored(backend, 5);
    ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == 5; }));
}

TEST_F(Kafka, ClusterAwayIsRetryAndThenStored) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"timeout", "5s"}}));
    ASSERT_EQ(backend.error(), "");
    const MockConsumer consumer(cluster, "mail", partitions);
    backend.submit(message(1, 100));
    ASSERT_TRUE(backend.wait_all());
    EXPECT_EQ(backend.outcomes().at(1).status, RINGMX_STORED);
    cluster.set_down(true);
    for (std::uint32_t number = 2; number <= 20; ++number)
        backend.submit(message(number, 100));
    ASSERT_TRUE(backend.wait_all());
    for (std::uint32_t number = 2; number <= 20; ++number)
        EXPECT_EQ(backend.outcomes().at(number).status, RINGMX_RETRY);
    cluster.set_down(false);
    const auto stored = [&] {
        return std::count_if(backend.outcomes().begin(), backend.outcomes().end(),
                             [](const auto& entry) { return entry.second.status == RINGMX_STORED; });
    };
    for (int attempt = 0; attempt < 30 && stored() < 20; ++attempt) {
        for (std::uint32_t number = 2; number <= 20; ++number) {
            if (backend.outcomes().at(number).status != RINGMX_STORED) backend.submit(message(number, 100));
        }
        ASSERT_TRUE(backend.wait_all());
    }
    expect_stored(backend, 20);
    ASSERT_TRUE(backend.wait([&] { return consumer.messages().size() == 20; }));
}

TEST_F(Kafka, DomainChoosesTopicAndKey) {
    cluster.create_topic("mail.one_example", 1, 3);
    cluster.create_topic("mail.two_example", 1, 3);
    OptionList list{{"brokers", cluster.bootstraps()}, {"topic", "mail.{domain}"}, {"key", "domain"}};
    OpenedBackend backend(KAFKA_BACKEND, list);
    ASSERT_EQ(backend.error(), "");
    const MockConsumer one(cluster, "mail.one_example", 1);
    const MockConsumer two(cluster, "mail.two_example", 1);
    backend.submit(message(1, 100, {"a@one.example", "b@two.example", "c@ONE.example"}));
    ASSERT_TRUE(backend.wait_all());
    expect_stored(backend, 1);
    ASSERT_TRUE(backend.wait([&] { return one.records().size() == 1 && two.records().size() == 1; }));
    const ReadRecord record = one.records().front();
    EXPECT_EQ(record.key, "one_example");
    EXPECT_EQ(record.headers.at("Ringmx-Rcpt-To"), "<a@one.example>\n<c@ONE.example>");
    EXPECT_EQ(record.headers.at("Ringmx-Mail-From"), "<sender@client.test>");
    EXPECT_EQ(record.headers.at("Ringmx-Unit"), unit_of(1) + "/mail.one_example");
    EXPECT_EQ(two.records().front().headers.at("Ringmx-Rcpt-To"), "<b@two.example>");
    backend.submit(message(2, 100, {"a@" + std::string(250, 'x')}));
    ASSERT_TRUE(backend.wait_all());
    EXPECT_EQ(backend.outcomes().at(2).status, RINGMX_REJECT);
}

// The mock gives every topic a replica on each of its brokers: one broker, one replica.
TEST_F(Kafka, ReplicatedNeedsATopicWithReplicas) {
    const MockKafka single(1);
    single.create_topic("mail", 2, 1);
    const OptionList fixed{{"brokers", single.bootstraps()}, {"topic", "mail"}, {"durability", "replicated"}};
    EXPECT_EQ(OpenedBackend(KAFKA_BACKEND, fixed).error(), "topic mail has one replica");
    // A topic that is known by its first message only.
    single.create_topic("x.one_example", 1, 1);
    OpenedBackend by_domain(
        KAFKA_BACKEND,
        {{"brokers", single.bootstraps()}, {"topic", "x.{domain}"}, {"durability", "replicated"}});
    ASSERT_EQ(by_domain.error(), "");
    const MockConsumer consumer(single, "x.one_example", 1);
    by_domain.submit(message(1, 100, {"u@one.example"}));
    ASSERT_TRUE(by_domain.wait_all());
    EXPECT_EQ(by_domain.outcomes().at(1).status, RINGMX_RETRY);
    EXPECT_EQ(by_domain.outcomes().at(1).text, "topic x.one_example has one replica");
    by_domain.close();
    EXPECT_EQ(consumer.records().size(), 0u);

    OpenedBackend backend(KAFKA_BACKEND, options({{"durability", "replicated"}}));
    ASSERT_EQ(backend.error(), "");
    EXPECT_EQ(backend.instance().durability, RINGMX_DURABLE_REPLICATED);
    backend.submit(message(1, 100));
    ASSERT_TRUE(backend.wait_all());
    expect_stored(backend, 1);
}

TEST_F(Kafka, CloseAnswersWhatIsLeft) {
    OpenedBackend backend(KAFKA_BACKEND, options({{"timeout", "60s"}}));
    ASSERT_EQ(backend.error(), "");
    cluster.set_down(true);
    for (std::uint32_t number = 1; number <= 10; ++number)
        backend.submit(message(number, 1000));
    backend.close();
    ASSERT_EQ(backend.outcomes().size(), 10u);
    for (const auto& [number, outcome] : backend.outcomes())
        EXPECT_EQ(outcome.status, RINGMX_RETRY);
}

TEST_F(Kafka, RefusesOptionsThatBreakThePromise) {
    const std::vector<std::pair<OptionList, std::string>> cases{
        {{{"kafka.acks", "1"}}, "option kafka.acks cannot be set"},
        {{{"kafka.enable.idempotence", "false"}}, "option kafka.enable.idempotence cannot be set"},
        {{{"kafka.no.such.setting", "1"}}, "No such configuration property: \"no.such.setting\""},
        {{{"kafka.message.max.bytes", "100000"}}, "option kafka.message.max.bytes is to be at least 130512"},
        {{{"key", "subject"}}, "option key is to be id or domain"},
        {{{"tpoic", "x"}}, "unknown option tpoic"},
    };
    for (const auto& [more, error] : cases)
        EXPECT_EQ(OpenedBackend(KAFKA_BACKEND, options(more)).error(), error);
    EXPECT_EQ(OpenedBackend(KAFKA_BACKEND, {}).error(), "option brokers is missing");
}

}  // namespace
}  // namespace ringmx::testing
