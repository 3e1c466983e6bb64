#include "confine/system_calls.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <set>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/paths.hpp"
#include "in_child.hpp"

namespace ringmx::confine {
namespace {

// The value of `work` behind the filter; 255: there is no filter.
template <typename Work>
int behind_filter(bool network, Work work) {
    return in_child([&] {
        if (!no_new_privileges().ok() || !restrict_system_calls(network).ok()) return 255;
        return work();
    });
}

int errno_of(long result) {
    return result < 0 ? errno : 0;
}

TEST(SystemCalls, ListsHaveNothingInCommonAndNothingTwice) {
    std::set<std::string_view> all;
    for (const auto& list :
         {system_calls(Need::serving), system_calls(Need::network), fatal_system_calls()}) {
        for (const std::string_view name : list)
            EXPECT_TRUE(all.insert(name).second) << name;
    }
    EXPECT_GT(all.size(), 100u);
}

TEST(SystemCalls, WhatServingNeedsWorks) {
    EXPECT_EQ(behind_filter(false,
                            [] {
                                const int fd = ::open("/dev/null", O_RDWR);
                                if (fd < 0 || ::write(fd, "x", 1) != 1 || ::close(fd) != 0) return 1;
                                void* memory = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE,
                                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                                if (memory == MAP_FAILED || munmap(memory, 1 << 20) != 0) return 2;
                                int value = 0;
                                std::thread([&] { value = 42; }).join();
                                return value == 42 ? 0 : 3;
                            }),
              0);
}

TEST(SystemCalls, AProgramThatIsStartedEndsTheProcess) {
    EXPECT_EQ(behind_filter(false,
                            [] {
                                execl("/bin/true", "true", nullptr);
                                return 1;
                            }),
              -SIGSYS);
}

TEST(SystemCalls, HoldForThreadsThatThereAreAlready) {
    EXPECT_EQ(in_child([] {
                  std::atomic<bool> filtered{false};
                  std::thread other([&] {
                      while (!filtered)
                          std::this_thread::yield();
                      syscall(SYS_ptrace, 0, 0, 0, 0);
                  });
                  if (!no_new_privileges().ok() || !restrict_system_calls(false).ok()) return 255;
                  filtered = true;
                  other.join();
                  return 0;
              }),
              -SIGSYS);
}

TEST(SystemCalls, WhatIsInNoListDoesNotExist) {
    EXPECT_EQ(behind_filter(false, [] { return errno_of(syscall(SYS_acct, nullptr)); }), ENOSYS);
    EXPECT_EQ(behind_filter(false, [] { return errno_of(fork()); }), ENOSYS);
    io_uring_params parameters{};
    EXPECT_EQ(behind_filter(false, [&] { return errno_of(syscall(SYS_io_uring_setup, 8, &parameters)); }),
              ENOSYS);
}

TEST(SystemCalls, SocketsNeedNetwork) {
    const auto make = [](int family) {
        return [family] { return errno_of(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); };
    };
    EXPECT_EQ(behind_filter(false, make(AF_INET)), ENOSYS);
    EXPECT_EQ(behind_filter(true, make(AF_INET)), 0);
    EXPECT_EQ(behind_filter(true, make(AF_PACKET)), ENOSYS);
}

TEST(SystemCalls, MemoryDoesNotBecomeCode) {
    EXPECT_EQ(behind_filter(false,
                            [] {
                                return errno_of(reinterpret_cast<long>(
                                    mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
                            }),
              ENOSYS);
    EXPECT_EQ(behind_filter(false,
                            [] {
                                void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                                return errno_of(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
                            }),
              ENOSYS);
}

TEST(SystemCalls, AbortStillEndsTheProcess) {
    EXPECT_EQ(behind_filter(false, []() -> int { std::abort(); }), -SIGABRT);
}

}  // namespace
}  // namespace ringmx::confine
