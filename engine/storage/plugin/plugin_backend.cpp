#include "storage/plugin/plugin_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <vector>

#include "base/assert.hpp"
#include "base/event_fd.hpp"
#include "storage/answer_text.hpp"
#include "storage/wake_port.hpp"

namespace ringmx::storage::plugin {
namespace {

constexpr std::size_t kBatchMax = 256;  // messages handed over in one call
constexpr std::string_view kEnding = "the server is shutting down";

class PluginBackend final : public Backend {
 public:
    PluginBackend(PluginOptions options, ring::Ring& ring, StoreSink& sink)
        : options_(std::move(options)), sink_(sink), port_(ring, event_, false) {}
    ~PluginBackend() override {
        if (instance_ != nullptr && options_.totals != nullptr) options_.totals->remove(*instance_);
    }

    Status open(const ringmx_backend& backend);

    BackendTraits traits() const override {
        return {instance_->name(), instance_->durability(), false, true};
    }
    void submit(std::span<const StoreRequest> batch) override;
    void flush() override;
    void tick(Now) override;
    bool accepting() const override { return !closed_; }
    void give_up() override;
    void close() override;
    std::uint64_t outstanding() const override { return outstanding_; }
    const BackendCounters& counters() const override { return counters_; }

 private:
    bool hand_over();
    void collect();
    void done(Message& message, StoreStatus status, std::string_view text);

    const PluginOptions options_;
    StoreSink& sink_;
    EventFd event_;
    WakePort port_;                       // polls event_
    std::unique_ptr<Instance> instance_;  // goes first: its plugin's threads signal event_
    std::deque<Message*> waiting_;        // not yet handed over
    std::vector<Submission> batch_;
    std::vector<Bytes> spans_;
    std::uint64_t outstanding_ = 0;
    bool closed_ = false;
    BackendCounters counters_;
};

Status PluginBackend::open(const ringmx_backend& backend) {
    if (event_.get() < 0) return system_error(errno, "an eventfd for a storage plugin");
    InstanceOptions options;
    options.options = options_.options;
    options.in_flight_max = options_.in_flight_max;
    options.wake = [this] { event_.signal(); };
    options.wake_within_calls = false;  // collect() follows each call
    auto opened = Instance::open(backend, std::move(options), *options_.services);
    if (!opened) return opened.error();
    instance_ = std::move(*opened);
    if (options_.totals != nullptr) options_.totals->add(*instance_);
    return ok_status();
}

void PluginBackend::submit(std::span<const StoreRequest> batch) {
    for (const StoreRequest& request : batch) {
        RMX_ASSERT(request.op != StoreOp::part);  // traits().streams is false
        if (request.op == StoreOp::abort) {
            sink_.message_done(request.message, StoreStatus::aborted, {});
            continue;
        }
        ++outstanding_;
        if (closed_) {
            done(*request.message, StoreStatus::retry, kEnding);
        } else {
            waiting_.push_back(request.message);
        }
    }
}

// Everything that came in this turn goes to the plugin in as few calls as possible. One that completes within
// submit() makes room for more at once.
void PluginBackend::flush() {
    collect();
    bool handed = false;
    while (hand_over()) {
        handed = true;
        collect();
    }
    if (!handed || closed_) return;
    instance_->flush();
    collect();
}

// Hands over what the instance takes; false: nothing.
bool PluginBackend::hand_over() {
    const std::uint32_t room = instance_->in_flight_max() - instance_->in_flight();
    const std::size_t count = std::min({waiting_.size(), std::size_t{room}, kBatchMax});
    if (count == 0 || closed_) return false;
    spans_.clear();
    batch_.clear();
    for (std::size_t i = 0; i < count; ++i) {
        for (const Chunk* chunk = waiting_[i]->first; chunk != nullptr; chunk = chunk->next)
            spans_.push_back(chunk->payload());
    }
    std::span<Bytes> rest = spans_;
    for (std::size_t i = 0; i < count; ++i) {
        Message& message = *waiting_[i];
        std::size_t chunks = 0;
        for (const Chunk* chunk = message.first; chunk != nullptr; chunk = chunk->next)
            ++chunks;
        rest[0] = rest[0].subspan(message.envelope_bytes);
        batch_.push_back(
            {message.id, message.envelope(), rest.first(chunks), reinterpret_cast<std::uintptr_t>(&message)});
        rest = rest.subspan(chunks);
    }
    ++counters_.batches;
    const std::size_t taken = instance_->submit(batch_);
    RMX_ASSERT(taken == count);
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
}

void PluginBackend::collect() {
    instance_->take([this](const Completion& completion) {
        auto& message = *reinterpret_cast<Message*>(static_cast<std::uintptr_t>(completion.cookie));
        done(message, completion.status, completion.text);
    });
}

void PluginBackend::done(Message& message, StoreStatus status, std::string_view text) {
    --outstanding_;
    if (status == StoreStatus::stored) {
        ++counters_.messages_stored;
        counters_.bytes_stored += message.total_bytes();
        text = {};
    } else {
        ++counters_.messages_failed;
        if (text.empty()) {
            text = status == StoreStatus::reject ? "the storage backend has refused the message"
                                                 : "the storage backend cannot keep the message now";
        }
    }
    sink_.message_done(&message, status, keep_text(message, text));
}

void PluginBackend::tick(Now) {
    if (closed_) return;
    instance_->tick();
    flush();
}

void PluginBackend::give_up() {
    closed_ = true;
    instance_->close();
    collect();
    for (Message* message : waiting_)
        done(*message, StoreStatus::retry, kEnding);
    waiting_.clear();
}

void PluginBackend::close() {
    RMX_ASSERT(outstanding_ == 0);
    closed_ = true;
    instance_->close();
}

}  // namespace

Result<std::unique_ptr<Backend>> open_plugin(const ringmx_backend& backend, PluginOptions options,
                                             ring::Ring& ring, StoreSink& sink) {
    RMX_ASSERT(options.services != nullptr);
    auto made = std::make_unique<PluginBackend>(std::move(options), ring, sink);
    if (Status status = made->open(backend); !status) return status.error();
    return std::unique_ptr<Backend>(std::move(made));
}

}  // namespace ringmx::storage::plugin
