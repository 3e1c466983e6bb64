// The command cat: a durable pull consumer of a stream.
//
// Several readers may share a durable consumer, but the chunks of a message are then spread over them: such a
// stream has one reader for each subject (--subject), or one reader.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <thread>

#include "assembler.hpp"
#include "commands.hpp"
#include "outlet.hpp"

namespace ringmx::jetstream {
namespace {

constexpr auto election_wait_max = std::chrono::seconds(60);
constexpr std::int64_t fetch_wait_ms = 1000;
constexpr int fetch_records_max = 32;
constexpr std::int64_t unacknowledged_max = 65536;  // chunks of incomplete messages count
constexpr int failures_max = 20;                    // fetches in a row, while connected
constexpr auto stall_wait = std::chrono::seconds(10);

std::atomic<bool> ended{false};

struct ContextDestroyer {
    void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
};
struct SubscriptionDestroyer {
    void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
};

void check(natsStatus status, const char* what) {
    if (status == NATS_OK) return;
    const char* text = nats_GetLastError(nullptr);
    throw std::runtime_error(std::string(what) + ": " +
                             (text != nullptr && *text != '\0' ? text : natsStatus_GetText(status)));
}

class Reader {
 public:
    Reader(const Access& access, const CatOptions& options)
        : options_(options),
          client_(access, {}),
          outlet_(options.maildir, options.work),
          assembler_(outlet_, options.raw) {
        if (!client_.wait_connected(access.timeout_ms)) throw std::runtime_error(client_.last_error());
        jsOptions wait;
        jsOptions_Init(&wait);
        wait.Wait = request_wait_ms;
        jsCtx* context = nullptr;
        check(natsConnection_JetStream(&context, client_.raw(), &wait), "JetStream");
        context_.reset(context);
        subscribe();
    }

    int run() {
        auto next_round = Clock::now();
        while (!ended) {
            const int count = fetch();
            settle();
            mend_stall(count);
            if (Clock::now() >= next_round) {
                send(assembler_.held(), "+WPI");
                next_round = Clock::now() + std::chrono::milliseconds(options_.ack_wait_s * 1000 / 3);
            }
            drop_incomplete();
            if (options_.until_empty && count == 0 && client_.connected() && nothing_left()) break;
        }
        natsConnection_FlushTimeout(client_.raw(), request_wait_ms);
        std::fprintf(stderr, "ringmx-jetstream: %llu messages, %llu records that were there before\n",
                     static_cast<unsigned long long>(assembler_.messages()),
                     static_cast<unsigned long long>(assembler_.duplicates()));
        return 0;
    }

 private:
    // A cluster that has just lost a server does not answer until it has elected.
    natsStatus add_consumer(jsConsumerConfig& config) const {
        const auto end = Clock::now() + election_wait_max;
        for (;;) {
            const natsStatus status =
                js_AddConsumer(nullptr, context_.get(), options_.stream.c_str(), &config, nullptr, nullptr);
            const bool may_pass =
                status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS || !client_.connected();
            if (status == NATS_OK || !may_pass || ended || Clock::now() >= end) return status;
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
    }

    void subscribe() {
        jsConsumerConfig config;
        jsConsumerConfig_Init(&config);
        config.Durable = options_.durable.c_str();
        config.AckPolicy = js_AckExplicit;
        config.AckWait = options_.ack_wait_s * ns_per_s;
        config.MaxAckPending = unacknowledged_max;
        if (!options_.subject.empty()) config.FilterSubject = options_.subject.c_str();
        check(add_consumer(config), "consumer");
        jsSubOptions bind;
        jsSubOptions_Init(&bind);
        bind.Stream = options_.stream.c_str();
        bind.Consumer = options_.durable.c_str();
        natsSubscription* subscription = nullptr;
        check(js_PullSubscribe(&subscription, context_.get(), options_.subject.c_str(),
                               options_.durable.c_str(), nullptr, &bind, nullptr),
              "consumer");
        subscription_.reset(subscription);
    }

    // Records taken.
    int fetch() {
        natsMsgList list{};
        const natsStatus status =
            natsSubscription_Fetch(&list, subscription_.get(), fetch_records_max, fetch_wait_ms, nullptr);
        if (status == NATS_OK) {
            failures_ = 0;
            struct Freed {
                natsMsgList& list;
                ~Freed() { natsMsgList_Destroy(&list); }
            } freed{list};
            for (int i = 0; i < list.Count; ++i)
                take(list.Msgs[i]);
            return list.Count;
        }
        if (status == NATS_TIMEOUT) return 0;
        if (client_.connected() && ++failures_ > failures_max) check(status, "reading");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        return 0;
    }

    void take(natsMsg* message) {
        if (const auto piece = read_piece(message)) {
            assembler_.take(*piece);
            return;
        }
        std::fprintf(stderr, "ringmx-jetstream: a record on %s is not ringmx's; passed over\n",
                     natsMsg_GetSubject(message));
        if (const char* reply = natsMsg_GetReply(message)) send({reply}, "+TERM");
    }

    // Nothing is acknowledged before it is on the disk.
    void settle() {
        const auto replies = assembler_.take_acknowledgements();
        if (replies.empty()) return;
        outlet_.sync();
        send(replies, "+ACK");
    }

    void drop_incomplete() {
        const auto replies = assembler_.give_up(std::chrono::seconds(options_.give_up_s));
        if (replies.empty()) return;
        std::fprintf(stderr,
                     "ringmx-jetstream: %zu chunks of messages that were never completed were dropped\n",
                     replies.size());
        send(replies, "+TERM");
    }

    void send(const std::vector<std::string>& replies, const char* what) {
        for (const std::string& reply : replies)
            natsConnection_PublishString(client_.raw(), reply.c_str(), what);
    }

    struct Progress {
        std::uint64_t last = 0;       // record of the stream for this reader
        std::uint64_t delivered = 0;  // up to this one, as far as the consumer's server knows
        std::uint64_t pending = 0;
        std::int64_t unacknowledged = 0;
    };

    // None: the servers do not answer. The consumer's server may be behind its stream, after a restart for a
    // while, and then knows of nothing that is pending. So the stream's leader is asked what the last record
    // is.
    std::optional<Progress> progress() const {
        const auto last = last_sequence();
        if (!last) return std::nullopt;
        jsConsumerInfo* info = nullptr;
        if (js_GetConsumerInfo(&info, context_.get(), options_.stream.c_str(), options_.durable.c_str(),
                               nullptr, nullptr) != NATS_OK)
            return std::nullopt;
        const Progress found{*last, info->Delivered.Stream, info->NumPending, info->NumAckPending};
        jsConsumerInfo_Destroy(info);
        return found;
    }

    bool nothing_left() {
        natsConnection_FlushTimeout(client_.raw(), request_wait_ms);
        const auto now = progress();
        return now && now->last <= now->delivered && now->pending == 0 &&
               now->unacknowledged <= static_cast<std::int64_t>(assembler_.held().size());
    }

    // A server that was behind its stream when it was elected to lead a consumer may never deliver the rest
    // (nats-server 2.9, after all servers of a cluster were killed). Another one is asked to lead then.
    void mend_stall(int taken) {
        const auto now = Clock::now();
        if (taken > 0) last_taken_ = now;
        if (taken > 0 || now - last_taken_ < stall_wait || !client_.connected()) return;
        last_taken_ = now;
        const auto found = progress();
        if (!found || found->unacknowledged >= unacknowledged_max) return;
        if (found->pending == 0 && found->last <= found->delivered) return;
        std::fprintf(stderr,
                     "ringmx-jetstream: nothing comes, though there is more; asking for another leader\n");
        const std::string subject =
            "$JS.API.CONSUMER.LEADER.STEPDOWN." + options_.stream + "." + options_.durable;
        natsMsg* answer = nullptr;  // whatever it says: if nothing changes, it is asked again
        natsConnection_RequestString(&answer, client_.raw(), subject.c_str(), "", request_wait_ms);
        natsMsg_Destroy(answer);
    }

    // Of what the stream has for this reader; 0: it has nothing; none: it does not answer.
    std::optional<std::uint64_t> last_sequence() const {
        const std::string subject = options_.subject.empty() ? ">" : options_.subject;
        natsMsg* message = nullptr;
        jsErrCode code{};
        const natsStatus status =
            js_GetLastMsg(&message, context_.get(), options_.stream.c_str(), subject.c_str(), nullptr, &code);
        const MessagePointer owner(message);
        if (status == NATS_OK) return natsMsg_GetSequence(message);
        if (status == NATS_NOT_FOUND || code == JSNoMessageFoundErr) return 0;
        return std::nullopt;
    }

    const CatOptions& options_;
    Client client_;
    Outlet outlet_;
    Assembler assembler_;
    std::unique_ptr<jsCtx, ContextDestroyer> context_;
    std::unique_ptr<natsSubscription, SubscriptionDestroyer> subscription_;
    int failures_ = 0;
    Clock::time_point last_taken_ = Clock::now();
};

}  // namespace

int cat_stream(const Access& access, const CatOptions& options) {
    std::signal(SIGINT, [](int) { ended = true; });
    std::signal(SIGTERM, [](int) { ended = true; });
    return Reader(access, options).run();
}

}  // namespace ringmx::jetstream
