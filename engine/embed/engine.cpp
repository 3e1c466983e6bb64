// The engine of ringmx/engine.hpp: the server's life cycle behind a boundary that shows nothing of it.
#include "ringmx/engine.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "embed/callback_policy.hpp"
#include "embed/object_backend.hpp"
#include "embed/options.hpp"
#include "server/engine.hpp"

namespace ringmx::embed {

namespace {

// Threads inherit the mask of the one that starts them: signals are for the program's own.
class SignalsBlocked {
 public:
    SignalsBlocked() {
        const sigset_t set = asynchronous_signals();
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
    sigset_t before_;
};

Failure failure_of(int code) {
    switch (code) {
        case server::start_error::bad_config:
            return Failure::options;
        case server::start_error::io_uring_refused:
            return Failure::io_uring_refused;
        case server::start_error::address_in_use:
            return Failure::address_in_use;
        case server::start_error::storage_locked:
            return Failure::storage_locked;
        case server::start_error::no_direct_io:
            return Failure::no_direct_io;
        case server::start_error::storage_failed:
            return Failure::storage;
        default:
            return Failure::other;
    }
}

bool any(const Callbacks& callbacks) {
    return callbacks.on_connect || callbacks.on_hello || callbacks.on_mail || callbacks.on_recipient ||
           callbacks.on_data || callbacks.on_end_of_data || callbacks.on_disconnect;
}

server::Parts parts_of(Options& options) {
    server::Parts parts;
    if (any(options.callbacks)) {
        parts.policy = [callbacks = std::make_shared<const Callbacks>(std::move(options.callbacks))](
                           unsigned core, std::unique_ptr<policy::Policy> configured) {
            return std::make_unique<CallbackPolicy>(core, callbacks, std::move(configured));
        };
    }
    if (options.backend) parts.backend = describe(options.backend_name, options.backend);
    if (options.log) {
        parts.log = [log = std::move(options.log)](std::string_view line) noexcept { log(line); };
    }
    return parts;
}

}  // namespace

struct Engine::State {
    std::unique_ptr<server::Engine> server;
    std::mutex waiting;  // one thread at a time joins the engine's
};

std::unique_ptr<Engine> Engine::start(Options options, Error& error) {
    error = {};
    try {
        const Result<config::Config> config = to_config(options);
        if (!config) {
            error = {Failure::options, config.error().message};
            return nullptr;
        }
        const SignalsBlocked blocked;
        auto server = server::Engine::start(*config, parts_of(options));
        if (!server) {
            error = {failure_of(server.error().code), server.error().message};
            return nullptr;
        }
        auto state = std::make_unique<State>();
        state->server = std::move(*server);
        return std::unique_ptr<Engine>(new Engine(std::move(state)));
    } catch (const std::exception& thrown) {
        error = {Failure::other, thrown.what()};
        return nullptr;
    }
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() {
    stop();
}

const std::vector<std::string>& Engine::listening() const {
    return state_->server->listening();
}

std::uint16_t Engine::port(std::size_t index) const {
    if (index >= listening().size()) return 0;
    const auto endpoint = config::parse_endpoint(listening()[index]);
    return endpoint ? endpoint->port : 0;
}

void Engine::request_stop() noexcept {
    state_->server->request_stop();
}

void Engine::request_stop(std::chrono::milliseconds grace) noexcept {
    const std::int64_t grace_ns = std::max<std::int64_t>(std::chrono::nanoseconds(grace).count(), 0);
    state_->server->request_stop(read_clock().mono_ns + grace_ns);
}

int Engine::wait() {
    const std::lock_guard lock(state_->waiting);
    state_->server->wait();
    return state_->server->cut_off();
}

int Engine::stop() {
    request_stop();
    return wait();
}

int Engine::stop(std::chrono::milliseconds grace) {
    request_stop(grace);
    return wait();
}

std::map<std::string, std::uint64_t> Engine::counters() const {
    std::map<std::string, std::uint64_t> totals;
    for (auto& [name, value] : state_->server->counters())
        totals.emplace(std::move(name), value);
    return totals;
}

std::string Engine::counters_json() const {
    return state_->server->status_json();
}

void Engine::reopen_log() noexcept {
    state_->server->reopen_log();
}

const char* version() noexcept {
    return RINGMX_VERSION;
}

}  // namespace ringmx::embed
