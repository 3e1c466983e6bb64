#include "server/engine.hpp"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "admin/status.hpp"
#include "admin/storage_counters.hpp"
#include "policy/accept_policy.hpp"
#include "ring/probe.hpp"
#include "server/core.hpp"
#include "server/listener.hpp"
#include "server/memory_budget.hpp"
#include "server/recipients_setup.hpp"
#include "server/storage_setup.hpp"
#include "server/tls_setup.hpp"

namespace ringmx::server {

namespace {

smtp::SessionOptions session_options(const config::Config& config) {
    smtp::SessionOptions options;
    options.hostname = config.server.hostname;
    options.message_octets_max = config.smtp.message_bytes_max;
    options.recipients_max = config.smtp.recipients_max;
    options.messages_max = config.smtp.messages_max;
    options.commands_max = config.smtp.commands_max;
    options.errors_max = config.smtp.errors_max;
    options.recipients_refused_max = config.smtp.recipients_refused_max;
    options.received_headers_max = config.smtp.received_headers_max;
    options.command_line_octets_max = config.smtp.command_line_octets_max;
    // A Maildir is the end of a message's way: there NOTIFY=SUCCESS would be ours to answer (RFC 3461
    // §5.2.3).
    options.requiretls = config.tls.requiretls;
    options.dsn = config.storage.backend != config::StorageBackend::maildir;
    return options;
}

admin::LogFilter log_filter(config::LogTransactions transactions) {
    switch (transactions) {
        case config::LogTransactions::all:
            return admin::LogFilter::all;
        case config::LogTransactions::errors:
            return admin::LogFilter::errors;
        case config::LogTransactions::none:
            return admin::LogFilter::none;
    }
    return admin::LogFilter::all;
}

// Every connection is a descriptor: the soft limit is raised to the hard one. Returns what holds then.
std::uint64_t raise_file_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

std::vector<int> allowed_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> processors;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) processors.push_back(cpu);
    }
    return processors;
}

Result<ring::KernelFeatures> check_kernel() {
    // On a thread of its own: what the kernel still does for these rings when they have gone interrupts the
    // system calls of the thread that made them, and the caller's are its own business.
    auto features = std::async(std::launch::async, ring::probe_kernel).get();
    if (!features) {
        Error error = features.error();
        error.code = start_error::io_uring_refused;
        return error;
    }
    const std::vector<std::string> missing = features->missing();
    if (!missing.empty()) {
        std::string text = "this kernel's io_uring is not enough:";
        for (const std::string& sentence : missing)
            text += "\n  " + sentence;
        return Error{start_error::io_uring_refused, text};
    }
    return features;
}

}  // namespace

struct Engine::State {
    config::Config config;
    Parts parts;
    smtp::SessionOptions session;
    MemoryBudget budget;
    ring::KernelFeatures kernel;
    std::unique_ptr<admin::Log> log;
    ListenSockets listeners;
    std::unique_ptr<TlsSetup> tls;  // null: no TLS
    std::unique_ptr<AdmissionSetup> admission;
    std::unique_ptr<StorageSetup> storage;
    std::vector<std::unique_ptr<admin::CoreCounters>> counters;
    std::unique_ptr<RecipientsSetup> recipients;
    std::vector<std::unique_ptr<Core>> cores;
    std::vector<std::thread> threads;
    std::unique_ptr<admin::StatusServer> status;
    std::int64_t started_wall_us = 0;
    int cut_off = 0;
    bool joined = false;
    // A prepared core waits for it: no client is accepted before the process is confined.
    std::promise<bool> may_serve;
    bool decided = false;

    Status open_shared();
    CertificateOpener certificate_opener() const;
    Status open_listeners(unsigned core_count);
    Status adopt_listeners(unsigned core_count);
    Status start_cores();
    void let_cores_go(bool serve);
    Status confine();
    std::unique_ptr<policy::Policy> make_policy(unsigned core);
    std::vector<const admin::CoreCounters*> counter_views() const;
    std::string status_json() const;
    void log_start();
    void join();
};

Status Engine::State::open_shared() {
    auto features = check_kernel();
    if (!features) return features.error();
    kernel = std::move(*features);
    const unsigned core_count = config::cores_in_use(config);
    auto divided = divide_memory(config.server, core_count, raise_file_limit(), storage_bytes(config.storage),
                                 !config.tls.certificates.empty(),
                                 !config.proxy.networks.empty() || !config.proxy.xclient.empty());
    if (!divided) return Error{start_error::bad_config, divided.error().message};
    budget = *divided;

    if (Status listening = parts.sockets.empty() ? open_listeners(core_count) : adopt_listeners(core_count);
        !listening)
        return listening;
    if (parts.confinement != nullptr) {
        if (Status confined = parts.confinement->bound(); !confined)
            return Error{start_error::bad_config, confined.error().message};
    }

    auto opened = admin::Log::open({.path = config.log.path,
                                    .filter = log_filter(config.log.transactions),
                                    .cores = core_count,
                                    .sink = parts.log});
    if (!opened) return opened.error();
    log = std::move(*opened);
    if (!config.tls.certificates.empty()) {
        auto made =
            TlsSetup::open(config.tls, config.server.hostname, core_count, *log, certificate_opener());
        if (!made) return Error{start_error::bad_config, made.error().message};
        tls = std::move(*made);
    }
    auto setup = StorageSetup::open(config, core_count, *log, parts.backend ? &*parts.backend : nullptr);
    if (!setup) return setup.error();
    storage = std::move(*setup);
    return ok_status();
}

Status Engine::State::open_listeners(unsigned core_count) {
    std::vector<std::string> addresses = config.server.listen;
    addresses.insert(addresses.end(), config.server.listen_tls.begin(), config.server.listen_tls.end());
    auto sockets = ListenSockets::open(addresses, core_count);
    if (!sockets) return sockets.error();
    listeners = std::move(*sockets);
    return ok_status();
}

// What is passed replaces what the configuration has to listen on, also where it speaks of listeners.
Status Engine::State::adopt_listeners(unsigned core_count) {
    std::vector<PassedSocket> sockets = std::exchange(parts.sockets, {});
    const auto tls_first = std::stable_partition(sockets.begin(), sockets.end(),
                                                 [](const PassedSocket& socket) { return !socket.tls; });
    const auto plain = static_cast<std::size_t>(tls_first - sockets.begin());
    std::vector<int> descriptors;
    for (const PassedSocket& socket : sockets)
        descriptors.push_back(socket.fd);
    auto adopted = ListenSockets::adopt(descriptors, core_count);
    if (!adopted) return adopted.error();
    if (plain < sockets.size() && config.tls.certificates.empty())
        return Error{start_error::bad_config,
                     "a socket for TLS was passed to the server: give tls.certificates"};
    const std::vector<std::string>& addresses = adopted->addresses();
    const auto middle = addresses.begin() + static_cast<std::ptrdiff_t>(plain);
    config.server.listen.assign(addresses.begin(), middle);
    config.server.listen_tls.assign(middle, addresses.end());
    listeners = std::move(*adopted);
    return ok_status();
}

std::unique_ptr<policy::Policy> Engine::State::make_policy(unsigned core) {
    std::unique_ptr<policy::Policy> accept = std::make_unique<policy::AcceptPolicy>(
        recipients->domains(), recipients->lookup(core, *counters[core]), config.accept.recipient_delimiter);
    return parts.policy ? parts.policy(core, std::move(accept)) : std::move(accept);
}

Status Engine::State::start_cores() {
    for (unsigned index = 0; index < budget.cores; ++index)
        counters.push_back(std::make_unique<admin::CoreCounters>());
    auto opened = RecipientsSetup::open(config.accept, budget.cores, *counters.front(), *log);
    if (!opened) return Error{start_error::bad_config, opened.error().message};
    recipients = std::move(*opened);

    admission = std::make_unique<AdmissionSetup>(config);
    const std::vector<int> processors = allowed_processors();
    const bool pin = config.server.pin && budget.cores <= processors.size();
    std::vector<std::future<Status>> ready;
    const std::shared_future<bool> serves = may_serve.get_future().share();
    for (unsigned index = 0; index < budget.cores; ++index) {
        CoreOptions options{.index = index,
                            .pin_to = pin ? processors[index] : -1,
                            .config = config,
                            .session = session,
                            .listeners = listeners.of_core(index),
                            .listeners_plain = config.server.listen.size(),
                            .tls = tls ? &tls->slot(index) : nullptr,
                            .stop_listening = [this, index] { listeners.close_core(index); },
                            .connections_max = budget.connections_per_core,
                            .slab_bytes = budget.slab_bytes_per_core,
                            .counters = *counters[index],
                            .log = log->core(index),
                            .policy = make_policy(index),
                            .make_host =
                                [this, index](ring::Ring& ring, storage::StoreSink& sink) {
                                    return storage->make_host(index, ring, sink);
                                },
                            .admission = admission.get(),
                            .receive_limit = kernel.receive_limit};
        cores.push_back(std::make_unique<Core>(std::move(options)));
        std::promise<Status> promise;
        ready.push_back(promise.get_future());
        threads.emplace_back([core = cores.back().get(), told = std::move(promise), serves]() mutable {
            pthread_setname_np(pthread_self(), ("ringmx-core-" + std::to_string(core->index())).c_str());
            Status prepared = core->prepare();
            const bool ok = prepared.ok();
            told.set_value(std::move(prepared));
            if (ok && serves.get()) core->run();
            core->release();
        });
    }
    Status result = ok_status();
    for (auto& one : ready) {
        Status status_of_one = one.get();
        if (!status_of_one && result.ok()) result = status_of_one;
    }
    return result;
}

CertificateOpener Engine::State::certificate_opener() const {
    if (parts.confinement == nullptr) return open_file;
    return [confinement = parts.confinement](const std::string& path) {
        return confinement->open_certificate(path);
    };
}

Status Engine::State::confine() {
    if (parts.confinement == nullptr) return ok_status();
    auto facts = parts.confinement->serving();
    if (!facts) return Error{start_error::bad_config, facts.error().message};
    std::vector<admin::LogField> fields;
    for (const auto& [name, value] : *facts)
        fields.push_back({name, value});
    log->event(admin::LogLevel::info, "confinement", "what the server can still do", fields);
    return ok_status();
}

void Engine::State::log_start() {
    for (const std::string& warning : config::warnings(config)) {
        log->event(admin::LogLevel::warning, "config", warning);
    }
    std::string listening;
    for (const std::string& address : listeners.addresses())
        listening += (listening.empty() ? "" : " ") + address;
    log->event(admin::LogLevel::info, "start", "serving",
               {{"listen", listening},
                {"hostname", config.server.hostname},
                {"cores", std::to_string(budget.cores)},
                {"connections_per_core", std::to_string(budget.connections_per_core)},
                {"message_memory_per_core", std::to_string(budget.slab_bytes_per_core)},
                {"backend", storage->name()},
                {"durability", storage::to_string(storage->durability())},
                {"storage_host", storage->behind_workers() ? "worker" : "core"},
                {"kernel", kernel.summary()}});
}

std::vector<const admin::CoreCounters*> Engine::State::counter_views() const {
    std::vector<const admin::CoreCounters*> views;
    for (const auto& one : counters)
        views.push_back(one.get());
    return views;
}

std::string Engine::State::status_json() const {
    const std::vector<const admin::CoreCounters*> views = counter_views();
    const std::int64_t uptime_s = (read_clock().wall_us - started_wall_us) / kUsPerSecond;
    std::string json = "{\"version\":\"" RINGMX_VERSION "\",\"uptime_s\":" + std::to_string(uptime_s) +
                       ",\"storage\":" + admin::storage_json(storage->status()) +
                       ",\"total\":" + admin::counters_json_total(views) + ",\"cores\":[";
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (i != 0) json += ',';
        json += admin::counters_json(*views[i]);
    }
    return json + "]}";
}

void Engine::State::let_cores_go(bool serve) {
    if (!std::exchange(decided, true)) may_serve.set_value(serve);
}

void Engine::State::join() {
    if (joined) return;
    joined = true;
    let_cores_go(false);
    for (std::thread& thread : threads)
        thread.join();
    for (const auto& core : cores)
        cut_off += core->cut_off();
    status.reset();
    if (tls) tls->stop();
    if (recipients) recipients->stop();
    if (storage) storage->stop();
    if (!log) return;
    log->event(admin::LogLevel::info, "stop",
               cut_off == 0 ? "drained" : "the deadline of the drain has passed",
               {{"cut_off", std::to_string(cut_off)}});
    log->stop();
}

Result<std::unique_ptr<Engine>> Engine::start(const config::Config& config, Parts parts) {
    auto state = std::make_unique<State>();
    state->parts = std::move(parts);
    state->config = config;
    state->session = session_options(state->config);
    state->session.hostname = state->config.server.hostname;
    state->started_wall_us = read_clock().wall_us;

    if (Status status = state->open_shared(); !status) return status.error();
    if (Status status = state->start_cores(); !status) {
        state->let_cores_go(false);
        for (std::thread& thread : state->threads)
            thread.join();
        state->storage->stop();
        return status.error();
    }
    std::unique_ptr<Engine> engine(new Engine(std::move(state)));
    State& started = *engine->state_;
    if (!config.admin.socket.empty()) {
        auto status = admin::StatusServer::start(
            config.admin.socket, [&started] { return started.status_json(); },
            [server = engine.get()] { server->reload(); });
        if (!status) return Error{start_error::bad_config, status.error().message};
        started.status = std::move(*status);
    }
    if (started.tls) started.tls->start(*started.counters.front());
    started.recipients->start();
    if (Status confined = started.confine(); !confined) return confined.error();
    started.let_cores_go(true);
    started.log_start();
    return engine;
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() {
    request_stop();
    wait();
}

void Engine::request_stop(std::int64_t deadline_ns) {
    for (const auto& core : state_->cores)
        core->request_stop(deadline_ns);
}

void Engine::reopen_log() {
    state_->log->reopen();
}

void Engine::reload_certificates() {
    if (state_->tls) state_->tls->reload();
}

void Engine::reload_recipients() {
    state_->recipients->reload();
}

void Engine::reload() {
    reopen_log();
    reload_certificates();
    reload_recipients();
}

void Engine::wait() {
    state_->join();
}

int Engine::cut_off() const {
    return state_->cut_off;
}

std::string Engine::status_json() const {
    return state_->status_json();
}

std::vector<std::pair<std::string, std::uint64_t>> Engine::counters() const {
    auto totals = admin::counter_totals(state_->counter_views());
    for (auto& one : admin::storage_counters(state_->storage->status()))
        totals.push_back(std::move(one));
    return totals;
}

std::vector<std::uint64_t> Engine::turns() const {
    std::vector<std::uint64_t> turns;
    for (const auto& one : state_->counters)
        turns.push_back(one->loops.get());
    return turns;
}

const std::vector<std::string>& Engine::listening() const {
    return state_->listeners.addresses();
}

}  // namespace ringmx::server
