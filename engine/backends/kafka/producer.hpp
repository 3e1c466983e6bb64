// An idempotent producer of librdkafka, as the sender needs it. Nothing here blocks but what says so.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "options.hpp"
#include "records/record.hpp"

namespace ringmx::kafka {

// Called within poll().
struct Events {
    // A record's fate: the ticket that it was produced with, and why it was not delivered.
    std::function<void(std::uint64_t ticket, rd_kafka_resp_err_t error)> delivered;
    std::function<void(std::string text)> trouble;
};

class Producer {
 public:
    // Does not wait for a broker. `wake_fd` gets eight octets whenever poll() has something to do. Throws
    // std::runtime_error for settings that the library refuses.
    Producer(const Settings& settings, Events events, int wake_fd);
    ~Producer();  // blocks: gives up what is not delivered; there are no events for it
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    rd_kafka_resp_err_t produce(const std::string& topic, std::string_view key,
                                const records::Headers& headers, std::string_view content,
                                std::uint64_t ticket);
    void poll();
    // Nothing will be delivered any more: a new producer is needed.
    bool fatal() const;
    // Gives up what is not delivered, with events for it. Blocks for up to two seconds.
    void purge();
    // Replicas of the topic's partition that has the fewest; 0, and `why`: not known. Blocks.
    int replicas(const std::string& topic, int timeout_ms, std::string& why) const;
    std::uint64_t record_octets_max() const { return record_octets_max_; }

 private:
    static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
    static void on_error(rd_kafka_t*, int error, const char* reason, void* opaque);

    Events events_;
    rd_kafka_t* handle_ = nullptr;
    std::uint64_t record_octets_max_ = 0;
};

}  // namespace ringmx::kafka
