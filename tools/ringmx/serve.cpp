// `ringmx serve`: starts the engine and stays until a signal ends it. SIGTERM and SIGINT drain; a second one
// ends the process at once, which loses nothing that was acknowledged. SIGHUP reopens the log and
// loads certificates and recipients anew.
#include <algorithm>
#include <cstdio>

#include <signal.h>
#include <unistd.h>

#include "commands.hpp"

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

// Returns when the server is to stop.
void wait_for_stop(const sigset_t& set, server::Engine& engine) {
    for (;;) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0) continue;
        if (signal != SIGHUP) return;
        engine.reload();
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
    auto engine = server::Engine::start(*config);
    if (!engine) {
        complain(engine.error().message);
        return exit_code_of(engine.error().code);
    }
    wait_for_stop(signals, **engine);
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
