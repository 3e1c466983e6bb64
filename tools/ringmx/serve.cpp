// `ringmx serve`: starts the engine and stays until a signal ends it. SIGTERM and SIGINT drain; a second one
// ends the process at once, which loses nothing that was acknowledged. SIGHUP reopens the log and
// loads certificates and recipients anew. A service manager that has passed sockets is heard, and told what
// goes on.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "commands.hpp"
#include "confinement.hpp"
#include "systemd.hpp"

namespace ringmx::tools {

namespace {

// Blocked in every thread from before the engine starts them; taken by wait_for_stop alone, so no handler is
// needed.
sigset_t block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a reader of standard error that has gone must not end the server
    return set;
}

constexpr std::chrono::seconds kReloadMost{10};
constexpr std::chrono::milliseconds kReloadLook{10};
constexpr std::chrono::seconds kStopSpare{20};  // beyond server.shutdown_grace: storage, threads, the log

std::string status_of(const server::Engine& engine) {
    std::string text = "serving on";
    for (const std::string& address : engine.listening())
        text += " " + address;
    return text;
}

std::uint64_t reloads_of(const server::Engine& engine) {
    std::uint64_t reloads = 0;
    for (const auto& [name, value] : engine.counters()) {
        if (name == "tls_reloads" || name == "tls_reloads_refused") reloads += value;
    }
    return reloads;
}

// Certificates are loaded on a thread of the engine's; a service manager that was told of the reload is told
// of its end, too.
void reload(server::Engine& engine, ServiceManager& manager, bool tls) {
    manager.reloading();
    const std::uint64_t before = reloads_of(engine);
    engine.reload();
    if (!manager.listens()) return;
    const auto most = std::chrono::steady_clock::now() + kReloadMost;
    while (tls && reloads_of(engine) == before && std::chrono::steady_clock::now() < most)
        std::this_thread::sleep_for(kReloadLook);
    manager.ready(status_of(engine));
}

// The next signal; 0: none has come within `most`.
int next_signal(const sigset_t& set, std::optional<std::chrono::milliseconds> most) {
    if (!most) {
        int signal = 0;
        return sigwait(&set, &signal) == 0 ? signal : 0;
    }
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*most);
    const timespec timeout{whole.count(), std::chrono::nanoseconds(*most - whole).count()};
    const int signal = sigtimedwait(&set, nullptr, &timeout);
    return signal > 0 ? signal : 0;
}

// The watchdog hears from the server only if every core has turned since.
class Pulse {
 public:
    explicit Pulse(const server::Engine& engine) : engine_(engine) {}
    bool beats() {
        std::vector<std::uint64_t> turns = engine_.turns();
        const bool all = turns_.empty() ||
                         std::equal(turns.begin(), turns.end(), turns_.begin(), turns_.end(),
                                    [](std::uint64_t now, std::uint64_t before) { return now != before; });
        if (all) turns_ = std::move(turns);
        return all;
    }

 private:
    const server::Engine& engine_;
    std::vector<std::uint64_t> turns_;
};

// Returns when the server is to stop.
void wait_for_stop(const sigset_t& set, server::Engine& engine, ServiceManager& manager, bool tls) {
    Pulse pulse(engine);
    for (;;) {
        const int signal = next_signal(set, manager.watchdog());
        if (signal == SIGTERM || signal == SIGINT) return;
        if (signal == SIGHUP) reload(engine, manager, tls);
        if (manager.watchdog() && pulse.beats()) manager.still_alive();
    }
}

void let_the_next_signal_kill() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT})
        sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

ExitCode serve(const std::string& config_path) {
    const sigset_t signals = block_signals();
    const Result<config::Config> config = load_config(config_path);
    if (!config) {
        complain(config.error().message);
        return ExitCode::config;
    }
    ServiceManager manager;
    auto sockets = passed_sockets();
    if (!sockets) {
        complain(sockets.error().message);
        return ExitCode::config;
    }
    auto confinement = ProcessConfinement::prepare(*config);
    if (!confinement) {
        complain(confinement.error().message);
        return ExitCode::config;
    }
    server::Parts parts;
    parts.sockets = std::move(*sockets);
    parts.confinement = confinement->get();
    auto engine = server::Engine::start(*config, std::move(parts));
    if (!engine) {
        complain(engine.error().message);
        return exit_code_of(engine.error().code);
    }
    manager.ready(status_of(**engine));
    wait_for_stop(signals, **engine, manager, !config->tls.certificates.empty());
    manager.stopping(std::chrono::seconds(config->server.shutdown_grace_s) + kStopSpare);
    (*engine)->request_stop();
    let_the_next_signal_kill();
    (*engine)->wait();
    return (*engine)->cut_off() == 0 ? ExitCode::ok : ExitCode::cut_off;
}

Result<config::Config> load_config(const std::string& path) {
    if (!path.empty()) return config::load_file(path);
    if (access(kDefaultConfigPath, F_OK) == 0) return config::load_file(kDefaultConfigPath);
    return config::load_text("", "defaults", "");
}

void complain(const std::string& message) {
    std::size_t begin = 0;
    while (begin <= message.size()) {
        const std::size_t end = std::min(message.find('\n', begin), message.size());
        std::fprintf(stderr, "ringmx: %.*s\n", static_cast<int>(end - begin), message.data() + begin);
        begin = end + 1;
    }
}

}  // namespace ringmx::tools
