#include "storage/plugin/crash_guard.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace ringmx::storage::plugin {
namespace {

struct Crash {
    int signal;
    std::string_view text;
};
constexpr std::array<Crash, 5> kCrashes = {{
    {SIGSEGV, " has crashed while it was opened: SIGSEGV (invalid memory access)\n"},
    {SIGBUS, " has crashed while it was opened: SIGBUS (bad memory access)\n"},
    {SIGFPE, " has crashed while it was opened: SIGFPE (arithmetic error)\n"},
    {SIGILL, " has crashed while it was opened: SIGILL (illegal instruction)\n"},
    {SIGABRT, " has crashed while it was opened: SIGABRT (it gave up by itself)\n"},
}};

constexpr std::size_t kStackOctets = 64 << 10;  // for the handler, should the plugin overflow its own

// One guard at a time, so that its state can be where a signal handler may look at it.
struct Guarded {
    std::mutex in_use;
    pthread_t thread{};
    std::atomic<bool> active{false};
    std::array<char, 1024> subject{};
    std::size_t subject_octets = 0;
    std::array<struct sigaction, kCrashes.size()> before{};
    std::unique_ptr<std::byte[]> stack;
    stack_t stack_before{};
};

Guarded& guarded() {
    static auto* const one = new Guarded;
    return *one;
}

Guarded* handler_state = nullptr;  // guarded(), for the handler

void put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void on_crash(int signal, siginfo_t* info, void*) {
    Guarded& state = *handler_state;
    std::size_t which = 0;
    while (kCrashes[which].signal != signal)
        ++which;
    if (state.active.load() && pthread_equal(state.thread, pthread_self())) {
        put({state.subject.data(), state.subject_octets});
        put(kCrashes[which].text);
        _exit(kCrashExitCode);
    }
    // Somebody else's: as if we were not there. A fault happens again when this returns; a signal that was
    // sent does not.
    sigaction(signal, &state.before[which], nullptr);
    if (info->si_code <= 0) raise(signal);
}

}  // namespace

CrashGuard::CrashGuard(const std::string& what) {
    Guarded& state = guarded();
    state.in_use.lock();
    handler_state = &state;
    const std::string subject = "ringmx: " + what;
    state.subject_octets = subject.copy(state.subject.data(), state.subject.size());
    state.thread = pthread_self();
    state.stack = std::make_unique<std::byte[]>(kStackOctets);
    stack_t stack{};
    stack.ss_sp = state.stack.get();
    stack.ss_size = kStackOctets;
    sigaltstack(&stack, &state.stack_before);
    state.active.store(true);
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kCrashes.size(); ++i)
        sigaction(kCrashes[i].signal, &action, &state.before[i]);
}

CrashGuard::~CrashGuard() {
    Guarded& state = guarded();
    for (std::size_t i = 0; i < kCrashes.size(); ++i)
        sigaction(kCrashes[i].signal, &state.before[i], nullptr);
    state.active.store(false);
    sigaltstack(&state.stack_before, nullptr);
    state.stack.reset();
    state.in_use.unlock();
}

}  // namespace ringmx::storage::plugin
