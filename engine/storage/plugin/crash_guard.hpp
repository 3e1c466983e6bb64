// While one lives, a crash on its thread (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) ends the process with one
// sentence on standard error and kCrashExitCode: an operator sees which plugin cannot be used, not a bare
// "Segmentation fault". It covers the stack's overflow, too. Crashes of other threads go to whoever handled
// them before. Guards wait for each other; the handlers from before are restored at the end.
#pragma once

#include <string>

namespace ringmx::storage::plugin {

constexpr int kCrashExitCode = 84;  // docs/operations.md: storage could not be opened

class CrashGuard {
 public:
    // `what` is the sentence's subject, "storage backend \"example\" (/path)"; it is said to have crashed.
    explicit CrashGuard(const std::string& what);
    ~CrashGuard();
    CrashGuard(const CrashGuard&) = delete;
    CrashGuard& operator=(const CrashGuard&) = delete;
};

}  // namespace ringmx::storage::plugin
