#include "confine/file_keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/paths.hpp"

namespace ringmx::confine {

namespace {

// Asks with the position of a path; answers with 0 and a descriptor, or with errno.
using Question = std::uint32_t;
using Answer = std::int32_t;

struct Envelope {
    Answer answer = 0;
    iovec piece{&answer, sizeof answer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};

    Envelope() {
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
    }
    void room_for_descriptor() {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
};

void send_answer(int socket, int fd, int code) {
    Envelope envelope;
    envelope.answer = code;
    if (fd >= 0) {
        envelope.room_for_descriptor();
        cmsghdr* const header = CMSG_FIRSTHDR(&envelope.message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    sendmsg(socket, &envelope.message, MSG_NOSIGNAL);
}

// Root that owns its files and can do nothing else that root can.
bool give_up_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    // To read what another account owns, as keys of a group for certificates.
    none[CAP_DAC_READ_SEARCH / 32].effective = none[CAP_DAC_READ_SEARCH / 32].permitted =
        1u << (CAP_DAC_READ_SEARCH % 32);
    return syscall(SYS_capset, &header, none) == 0;
}

[[noreturn]] void keep(const std::vector<std::string>& paths, int end) {
    // Sockets that the server was started with, above all: they would stay open with the keeper.
    constexpr int socket = 3;
    if ((end != socket && dup2(end, socket) < 0) || close_range(socket + 1, ~0u, 0) != 0) _exit(1);
    if (!no_new_privileges().ok() || !give_up_capabilities()) _exit(1);
    prctl(PR_SET_NAME, "ringmx-keeper", 0, 0, 0);
    // A signal to the group of both, from a terminal or a supervisor, is the server's to follow.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        std::signal(signal, SIG_IGN);
    for (;;) {
        Question question = 0;
        const ssize_t got = recv(socket, &question, sizeof question, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got != sizeof question) _exit(0);  // the server has ended
        if (question >= paths.size()) {
            send_answer(socket, -1, EINVAL);
            continue;
        }
        const int fd = ::open(paths[question].c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        send_answer(socket, fd, fd < 0 ? errno : 0);
        if (fd >= 0) ::close(fd);
    }
}

}  // namespace

FileKeeper::FileKeeper(std::vector<std::string> paths, int socket, pid_t pid)
    : paths_(std::move(paths)), socket_(socket), pid_(pid) {}

FileKeeper::~FileKeeper() {
    ::close(socket_);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<std::unique_ptr<FileKeeper>> FileKeeper::start(std::vector<std::string> paths) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error(errno, "a socket for the keeper of keys");
    const pid_t pid = fork();
    if (pid < 0) {
        const int code = errno;
        ::close(ends[0]);
        ::close(ends[1]);
        return system_error(code, "the keeper of keys");
    }
    if (pid == 0) {
        ::close(ends[0]);
        keep(paths, ends[1]);
    }
    ::close(ends[1]);
    return std::unique_ptr<FileKeeper>(new FileKeeper(std::move(paths), ends[0], pid));
}

Result<int> FileKeeper::open(const std::string& path) {
    const auto at = std::find(paths_.begin(), paths_.end(), path);
    if (at == paths_.end()) return system_error(EACCES, path);
    const auto question = static_cast<Question>(at - paths_.begin());
    const std::lock_guard lock(mutex_);
    if (send(socket_, &question, sizeof question, MSG_NOSIGNAL) != sizeof question)
        return system_error(errno, path + ": the keeper of keys has ended");
    Envelope envelope;
    envelope.room_for_descriptor();
    ssize_t got = 0;
    while ((got = recvmsg(socket_, &envelope.message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    if (got != sizeof envelope.answer) return Error{EPIPE, path + ": the keeper of keys has ended"};
    if (envelope.answer != 0) return system_error(envelope.answer, path);
    const cmsghdr* const header = CMSG_FIRSTHDR(&envelope.message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS)
        return Error{EPROTO, path + ": the keeper of keys sent no file"};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

}  // namespace ringmx::confine
