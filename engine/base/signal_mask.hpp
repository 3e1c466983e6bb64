// Signals are for the program's own threads: those of the engine block all but the ones that faults raise,
// and SIGPROF, which profilers send to whoever runs.
#pragma once

#include <csignal>
#include <initializer_list>

namespace ringmx {

inline sigset_t asynchronous_signals() {
    sigset_t set;
    sigfillset(&set);
    for (const int raised_by_fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
        sigdelset(&set, raised_by_fault);
    sigdelset(&set, SIGPROF);
    return set;
}

// Of the calling thread.
inline void block_asynchronous_signals() {
    const sigset_t set = asynchronous_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace ringmx
