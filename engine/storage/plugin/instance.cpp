#include "storage/plugin/instance.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "base/assert.hpp"
#include "storage/plugin/crash_guard.hpp"
#include "storage/plugin/host_side.hpp"
#include "storage/plugin/own_counters.hpp"
#include "storage/plugin/slots.hpp"

namespace ringmx::storage::plugin {
namespace {

// The first false completions are logged one by one, then each time that their number has doubled.
constexpr std::uint64_t kFalseLoggedSingly = 8;

constexpr std::string_view kMalformed = "the envelope cannot be read";
constexpr std::string_view kClosed = "the storage backend was closed";
constexpr std::string_view kUnknownStatus = "the storage backend gave an unknown answer";

static_assert(static_cast<int>(Durability::none) == RINGMX_DURABLE_NONE &&
              static_cast<int>(Durability::process) == RINGMX_DURABLE_PROCESS &&
              static_cast<int>(Durability::machine) == RINGMX_DURABLE_MACHINE &&
              static_cast<int>(Durability::replicated) == RINGMX_DURABLE_REPLICATED);

// The instance whose plugin the calling thread is in, as its owner.
thread_local const void* owner_inside = nullptr;

class OwnerCall {
 public:
    explicit OwnerCall(const void* instance) : before_(owner_inside) { owner_inside = instance; }
    ~OwnerCall() { owner_inside = before_; }
    OwnerCall(const OwnerCall&) = delete;
    OwnerCall& operator=(const OwnerCall&) = delete;

 private:
    const void* const before_;
};

// A count with one writer that any thread may read.
void add_one(std::atomic<std::uint64_t>& count) {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::uint32_t slots_for(const InstanceOptions& options) {
    return std::max<std::uint32_t>(options.in_flight_max, 1);
}

}  // namespace

struct Instance::State final : HostTarget {
    State(const ringmx_backend& described, InstanceOptions given, Services& end)
        : backend(described), options(std::move(given)), services(end), slots(slots_for(options)) {
        host = HostSide::make(*this);
    }
    ~State() {
        host->detach();
        for (Block* block = blocks.load(); block != nullptr;) {
            Block* const next = block->next;
            std::free(block);
            block = next;
        }
    }

    Status open();
    std::size_t submit(std::span<const Submission> batch);
    void close();

    // HostTarget: any thread.
    void complete(std::uint64_t token, std::uint32_t status, std::string_view text) override;
    void log(std::uint32_t level, std::string_view text) override;
    ringmx_counter* counter(std::string_view name) override;
    void count(ringmx_counter* counter, std::uint64_t add) override { OwnCounters::add(counter, add); }
    void* allocate(std::size_t octets) override;
    void false_completion(std::uint64_t token);

    const ringmx_backend& backend;
    const InstanceOptions options;
    Services& services;
    HostSide* host = nullptr;
    ringmx_instance instance{};
    Durability durability = Durability::none;
    std::uint32_t in_flight_max = 0;
    bool open_now = false;
    std::vector<const ringmx_message*> batch;

    SlotTable slots;
    OwnCounters own;
    std::atomic<bool> opening{true};

    // One header for each piece of memory that the plugin has, so that they can be freed: a stack.
    struct alignas(16) Block {
        Block* next;
    };
    std::atomic<Block*> blocks{nullptr};

    // The owner's thread counts; false completions come from any.
    std::atomic<std::uint64_t> submitted{0}, stored{0}, retried{0}, rejected{0}, false_completions{0};
};

Status Instance::State::open() {
    std::vector<ringmx_option> list;
    list.reserve(options.options.size());
    for (const auto& [name, value] : options.options)
        list.push_back({sizeof(ringmx_option), 0, name.c_str(), value.c_str()});
    std::array<char, limits::plugin_error_octets_max> error{};
    const std::string subject = std::string("storage backend \"") + backend.name + "\"";
    instance.size = sizeof instance;
    int failed = 0;
    {
        const CrashGuard guard(subject);
        const OwnerCall inside(this);
        failed = backend.open(host, list.data(), static_cast<std::uint32_t>(list.size()), &instance,
                              error.data(), error.size());
    }
    opening.store(false, std::memory_order_relaxed);
    error.back() = '\0';
    if (failed != 0) {
        const std::string why = error.front() == '\0' ? "it does not say why" : error.data();
        return Error{0, subject + " could not be opened: " + why};
    }
    open_now = true;
    const auto declared = number_of(instance.durability);
    if (declared > RINGMX_DURABLE_REPLICATED)
        return Error{0, subject + " declares a durability that does not exist"};
    durability = static_cast<Durability>(declared);
    in_flight_max = slots.count();
    if (instance.in_flight_max != 0) in_flight_max = std::min(in_flight_max, instance.in_flight_max);
    return ok_status();
}

std::size_t Instance::State::submit(std::span<const Submission> all) {
    if (!open_now) return 0;
    const std::size_t taken = std::min<std::size_t>(all.size(), in_flight_max - slots.used());
    batch.clear();
    for (const Submission& submission : all.first(taken)) {
        Slot* const slot = slots.acquire(submission.cookie);
        RMX_ASSERT(slot != nullptr);
        add_one(submitted);
        const std::uint64_t token = slots.token(*slot);
        if (slot->view.build(submission.id, token, submission.envelope, submission.spans)) {
            batch.push_back(&slot->view.message());
        } else {
            complete(token, RINGMX_REJECT, kMalformed);
        }
    }
    const OwnerCall inside(this);
    if (!batch.empty()) backend.submit(instance.self, batch.data(), batch.size());
    return taken;
}

void Instance::State::close() {
    if (!open_now) return;
    open_now = false;
    if (backend.close != nullptr) backend.close(instance.self);
    slots.complete_rest(StoreStatus::retry, kClosed);
}

void Instance::State::complete(std::uint64_t token, std::uint32_t status, std::string_view text) {
    StoreStatus answer = StoreStatus::retry;
    switch (status) {
        case RINGMX_STORED:
            answer = StoreStatus::stored;
            break;
        case RINGMX_RETRY:
            break;
        case RINGMX_REJECT:
            answer = StoreStatus::reject;
            break;
        default:
            text = kUnknownStatus;
    }
    switch (slots.complete(token, answer, text)) {
        case SlotTable::Outcome::refused:
            return false_completion(token);
        case SlotTable::Outcome::first:
            if (options.wake && (options.wake_within_calls || owner_inside != this)) options.wake();
            return;
        case SlotTable::Outcome::further:
            return;
    }
}

void Instance::State::false_completion(std::uint64_t token) {
    const std::uint64_t number = false_completions.fetch_add(1, std::memory_order_relaxed) + 1;
    if (number > kFalseLoggedSingly && !std::has_single_bit(number)) return;
    services.log(backend.name, RINGMX_LOG_ERROR,
                 "completed submission " + std::to_string(token) +
                     ", which it does not have, or has completed before: ignored; " + std::to_string(number) +
                     " of this kind so far");
}

void Instance::State::log(std::uint32_t level, std::string_view text) {
    const auto known = std::min<std::uint32_t>(level, RINGMX_LOG_ERROR);
    services.log(backend.name, static_cast<ringmx_log_level>(known),
                 text.substr(0, limits::plugin_log_octets_max));
}

ringmx_counter* Instance::State::counter(std::string_view name) {
    return own.find_or_make(name, opening.load(std::memory_order_relaxed));
}

void* Instance::State::allocate(std::size_t octets) {
    if (octets > SIZE_MAX - sizeof(Block)) return nullptr;
    auto* const block = static_cast<Block*>(std::malloc(sizeof(Block) + octets));
    if (block == nullptr) return nullptr;
    block->next = blocks.load(std::memory_order_relaxed);
    while (!blocks.compare_exchange_weak(block->next, block, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    }
    return block + 1;
}

Result<std::unique_ptr<Instance>> Instance::open(const ringmx_backend& backend, InstanceOptions options,
                                                 Services& services) {
    auto state = std::make_unique<State>(backend, std::move(options), services);
    const Status status = state->open();
    std::unique_ptr<Instance> instance(new Instance(std::move(state)));
    if (!status) return status.error();  // what was opened all the same is closed
    return instance;
}

Instance::Instance(std::unique_ptr<State> state) : state_(std::move(state)) {}

Instance::~Instance() {
    close();
}

std::string_view Instance::name() const {
    return state_->backend.name;
}

Durability Instance::durability() const {
    return state_->durability;
}

std::uint32_t Instance::in_flight() const {
    return state_->slots.used();
}

std::uint32_t Instance::in_flight_max() const {
    return state_->in_flight_max;
}

std::size_t Instance::submit(std::span<const Submission> batch) {
    return state_->submit(batch);
}

void Instance::flush() {
    if (!state_->open_now || state_->backend.flush == nullptr) return;
    const OwnerCall inside(state_.get());
    state_->backend.flush(state_->instance.self);
}

void Instance::tick() {
    if (!state_->open_now || state_->backend.tick == nullptr) return;
    const OwnerCall inside(state_.get());
    state_->backend.tick(state_->instance.self);
}

void Instance::take(const std::function<void(const Completion&)>& each) {
    for (Slot* slot = state_->slots.take_all(); slot != nullptr;) {
        Slot* const next = slot->next;
        const Completion completion{slot->cookie, slot->status, std::string(slot->text())};
        add_one(completion.status == StoreStatus::stored  ? state_->stored
                : completion.status == StoreStatus::retry ? state_->retried
                                                          : state_->rejected);
        state_->slots.release(*slot);
        each(completion);
        slot = next;
    }
}

void Instance::close() {
    state_->close();
}

InstanceCounters Instance::counters() const {
    constexpr auto relaxed = std::memory_order_relaxed;
    InstanceCounters counters;
    counters.stored = state_->stored.load(relaxed);
    counters.retried = state_->retried.load(relaxed);
    counters.rejected = state_->rejected.load(relaxed);
    counters.submitted = state_->submitted.load(relaxed);
    const std::uint64_t answered = counters.stored + counters.retried + counters.rejected;
    counters.in_flight = counters.submitted > answered ? counters.submitted - answered : 0;
    counters.false_completions = state_->false_completions.load(relaxed);
    return counters;
}

std::vector<std::pair<std::string, std::uint64_t>> Instance::plugin_counters() const {
    return state_->own.values();
}

}  // namespace ringmx::storage::plugin
