// Publishes messages to a stream and completes each when the stream has acknowledged all its records.
//
// The worker's thread hands jobs in and looks at deadlines (tick); a thread of the publisher's own does all
// that may block: connecting, asking for the stream, writing to the socket. Acknowledgements come on a thread
// of the library. One mutex guards the jobs; it is never held while something blocks.
//
// Rules
// 1. A message's memory is read by the publishing thread only, and only while its job is marked `busy`; a job
//    that is busy is not completed before that ends.
// 2. A record counts as stored when the stream has said so, whichever of its publications is answered.
// 3. After a reconnection every record without an acknowledgement is published again: its Nats-Msg-Id makes
//    that harmless. Before the first record the stream is asked again what it promises. The same goes for a
//    record whose acknowledgement is late (five seconds, or a third of `timeout`, then twice that, and so
//    on): the server that had it may be gone.
// 4. A job that is not stored `timeout` after its submission is completed with retry.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "client.hpp"
#include "options.hpp"
#include "records/record.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::jetstream {

class Publisher {
 public:
    // Connects. Without the setting `durability` it waits for the stream, and throws if there is none that
    // can take mail; with it, a stream that cannot be asked now is asked later.
    Publisher(plugin::Host host, Settings settings);
    ~Publisher();

    plugin::Durability durability() const { return durability_; }
    void submit(std::span<const plugin::Message> messages);
    void tick();
    // Waits for what is in flight, five seconds at most; the rest is completed with retry.
    void close();

 private:
    enum class RecordState : std::uint8_t { waiting, published, stored };
    struct Outcome {
        plugin::Status status;
        std::string text;
    };
    struct Job {
        explicit Job(const plugin::Message& submitted) : message(submitted) {}
        plugin::Message message;
        std::int64_t deadline_ns = 0;
        std::int64_t published_ns = 0;  // when its last record was
        std::int64_t patience_ns = 0;   // from then until its records are late
        std::optional<records::Plan> plan;
        std::vector<RecordState> records;
        std::size_t next = 0;  // none before it is waiting
        std::size_t unstored = 0;
        bool busy = false;               // rule 1
        bool queued = true;              // its number is in queue_
        std::optional<Outcome> outcome;  // to complete with when it is no longer busy
    };
    using Jobs = std::map<std::uint64_t, Job>;  // by number; submitted first comes first
    using Lock = std::unique_lock<std::mutex>;

    // The publishing thread.
    void run();
    bool ready(Lock& lock);
    bool connect(Lock& lock);
    bool check_stream(Lock& lock);
    void accept_stream(const StreamFacts& facts);
    void publish_next(Lock& lock);
    void make_plan(Lock& lock, Job& job);
    natsStatus publish_record(const Job& job, std::uint64_t number, std::size_t index);
    void start_over();
    std::uint64_t record_octets_max() const;
    void rest(Lock& lock);

    // Any thread, with the mutex.
    void answered(natsMsg* answer);
    void apply(std::uint64_t number, std::size_t index, const struct Ack& ack);
    void set_state(Job& job, std::size_t index, RecordState state);
    void requeue(std::uint64_t number, Job& job);
    void finish(Jobs::iterator job, Outcome outcome);
    void expire(std::int64_t now_ns);
    void publish_again(std::int64_t now_ns);
    void complain(std::string text);  // to the log, once for each reason

    std::unique_ptr<Client> connected_client();

    plugin::Host host_;
    Settings settings_;
    plugin::Durability durability_ = RINGMX_DURABLE_NONE;

    std::mutex mutex_;
    std::condition_variable work_;  // for the publishing thread
    std::condition_variable idle_;  // no job is left
    Jobs jobs_;
    std::deque<std::uint64_t> queue_;  // numbers of jobs with records to publish
    std::uint64_t last_number_ = 0;
    std::uint64_t in_flight_octets_ = 0;
    bool reconnected_ = false;
    bool stream_checked_ = false;
    bool stop_ = false;
    bool trouble_ = false;                  // something failed: rest before it is tried again
    std::uint64_t payload_octets_max_ = 0;  // the server's, as of the last check of the stream
    std::int64_t stream_octets_max_ = -1;
    std::string complaint_;
    std::string stream_line_;  // last said about the stream
    std::string scratch_;      // of the publishing thread

    struct Counters {
        ringmx_counter *records, *duplicates, *published_again, *reconnects, *octets;
    } counters_{};
    std::unique_ptr<Client> client_;  // replaced by the publishing thread only
    std::thread thread_;
};

}  // namespace ringmx::jetstream
