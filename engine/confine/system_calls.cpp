#include "confine/system_calls.hpp"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringmx::confine {

namespace {

constexpr int kPrSetVma = 0x53564d41;  // PR_SET_VMA, kernel 5.17

// clang-format off
constexpr std::string_view kServing[] = {
    // io_uring; new rings are made before
    "io_uring_enter", "io_uring_register",
    // files: the Maildir, the spool's folders, the log, certificates and recipients that are read anew
    "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchmod",
    "fchmodat", "fcntl", "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate", "getcwd",
    "getdents64", "link", "linkat", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2",
    "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readlink", "readlinkat",
    "readv", "rename", "renameat", "renameat2", "rmdir", "stat", "statfs", "statx", "sync_file_range", "umask",
    "unlink", "unlinkat", "utimensat", "write", "writev",
    // waiting
    "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "pipe2", "poll", "ppoll",
    "pselect6", "select", "timerfd_create", "timerfd_settime",
    // sockets that there are already, and those of the status socket's clients
    "accept", "accept4", "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmsg", "sendmsg",
    "sendto", "setsockopt", "shutdown",
    // memory; mmap and mprotect stand below, with their conditions
    "brk", "get_mempolicy", "madvise", "mbind", "mincore", "mlock", "mremap", "msync", "munlock", "munmap",
    // threads; clone stands below
    "exit", "exit_group", "futex", "get_robust_list", "getcpu", "getpid", "getppid", "getpriority", "gettid",
    "membarrier", "rseq", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_setaffinity",
    "sched_yield", "set_robust_list", "set_tid_address",
    // signals
    "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack",
    // time, identity, randomness, resources
    "clock_getres", "clock_gettime", "clock_nanosleep", "getegid", "geteuid", "getgid", "getrandom",
    "getresgid", "getresuid", "getrlimit", "getrusage", "gettimeofday", "getuid", "nanosleep", "prlimit64",
    "sysinfo", "time", "times", "uname", "wait4",
};

// socket stands below, with its families.
constexpr std::string_view kNetwork[] = {
    "bind", "connect", "listen", "recvmmsg", "sendmmsg", "socketpair", "ioctl",
};

constexpr std::string_view kFatal[] = {
    "add_key", "bpf", "chroot", "delete_module", "execve", "execveat", "finit_module", "init_module",
    "kexec_file_load", "kexec_load", "keyctl", "mount", "move_mount", "open_by_handle_at", "open_tree",
    "perf_event_open", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "reboot",
    "request_key", "setns", "swapon", "umount2", "unshare", "userfaultfd",
};
// clang-format on

struct Releaser {
    void operator()(void* context) const { seccomp_release(context); }
};
using Filter = std::unique_ptr<void, Releaser>;

// Collects the first error, so that rules can stand one below the other.
class Rules {
 public:
    explicit Rules(scmp_filter_ctx context) : context_(context) {}

    void all(std::span<const std::string_view> names, std::uint32_t action) {
        for (const std::string_view name : names)
            one(action, name);
    }
    template <typename... Conditions>
    void one(std::uint32_t action, std::string_view name, Conditions... conditions) {
        const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
        if (number == __NR_SCMP_ERROR || number < 0)
            return;  // another architecture's, or too new for the library
        const int result = seccomp_rule_add(context_, action, number, sizeof...(conditions), conditions...);
        if (result == 0) {
            if (action == SCMP_ACT_ALLOW) ++allowed_;
        } else if (error_ == 0) {
            error_ = -result;
            name_ = name;
        }
    }
    std::size_t allowed() const { return allowed_; }
    Status status() const {
        return error_ == 0 ? ok_status() : system_error(error_, "seccomp: " + std::string(name_));
    }

 private:
    scmp_filter_ctx context_;
    std::size_t allowed_ = 0;
    int error_ = 0;
    std::string_view name_;
};

scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void add_conditional(Rules& rules, bool network) {
    for (const std::string_view name : {"mmap", "mprotect"})
        rules.one(SCMP_ACT_ALLOW, name, masked(2, PROT_EXEC, 0));
    // Threads, not processes. clone3 keeps its flags in memory, where no filter sees them: without it
    // libraries use clone.
    rules.one(SCMP_ACT_ALLOW, "clone", masked(0, CLONE_THREAD, CLONE_THREAD));
    // Signals to threads of its own: abort().
    rules.one(SCMP_ACT_ALLOW, "tgkill", equals(0, static_cast<scmp_datum_t>(getpid())));
    // Names of threads and of memory.
    for (const int option : {PR_SET_NAME, PR_GET_NAME, kPrSetVma})
        rules.one(SCMP_ACT_ALLOW, "prctl", equals(0, static_cast<scmp_datum_t>(option)));
    if (!network) return;
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK})
        rules.one(SCMP_ACT_ALLOW, "socket", equals(0, static_cast<scmp_datum_t>(family)));
}

}  // namespace

std::span<const std::string_view> system_calls(Need need) {
    return need == Need::serving ? std::span<const std::string_view>(kServing) : kNetwork;
}

std::span<const std::string_view> fatal_system_calls() {
    return kFatal;
}

Result<std::size_t> restrict_system_calls(bool network) {
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
    if (!filter) return Error{ENOSYS, "seccomp: no filter can be made"};
    int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    if (result != 0) return system_error(-result, "seccomp: filters for all threads");
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree rather than a list, where it can
    Rules rules(filter.get());
    rules.all(system_calls(Need::serving), SCMP_ACT_ALLOW);
    if (network) rules.all(system_calls(Need::network), SCMP_ACT_ALLOW);
    rules.all(fatal_system_calls(), SCMP_ACT_KILL_PROCESS);
    add_conditional(rules, network);
    if (Status status = rules.status(); !status) return status.error();
    result = seccomp_load(filter.get());
    if (result != 0) return system_error(-result, "seccomp");
    return rules.allowed();
}

}  // namespace ringmx::confine
