// The least that a client pays who sends with one command at a time over TCP: send(2), recv(2) and
// epoll_wait(2), nothing else. No reply is read for what it says, no time is taken, nothing is counted.
// bench/load_cost sets ringmx-load beside it.
//
//     bare_client PORT CONNECTIONS MESSAGES OCTETS      to 127.0.0.1; OCTETS of mail data, the dot not
//     counted
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::string_view kEnvelope[] = {"MAIL FROM:<sender@example.net>\r\n",
                                          "RCPT TO:<recipient@example.com>\r\n", "DATA\r\n"};
constexpr std::size_t kSteps = 4;  // and the mail data

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void put(int fd, std::string_view text) {
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) fail("send");
}

// A reply to one command is a segment on loopback: no look at more than its end.
void get(int fd) {
    char reply[1024];
    const ssize_t count = recv(fd, reply, sizeof reply, 0);
    if (count <= 0 || reply[count - 1] != '\n' || reply[0] > '3') fail("recv");
}

int connection_to(const sockaddr_in& server) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);  // as ringmx-load
    if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) fail("connect");
    get(fd);
    put(fd, "EHLO load.example.net\r\n");
    get(fd);
    return fd;
}

std::string mail_data(std::size_t octets) {
    std::string mail(octets, 'x');
    for (std::size_t at = 76; at + 80 < octets; at += 78)
        mail.replace(at, 2, "\r\n");
    mail.replace(octets - 2, 2, "\r\n");
    return mail + ".\r\n";
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) return 64;
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(arguments[1])));
    const auto connections = static_cast<std::uint32_t>(std::atoi(arguments[2]));
    const long messages = std::atol(arguments[3]);
    const std::string mail = mail_data(static_cast<std::size_t>(std::atol(arguments[4])));

    const int poll = epoll_create1(EPOLL_CLOEXEC);
    std::vector<int> fds;
    std::vector<std::size_t> steps(connections, 0);
    for (std::uint32_t slot = 0; slot < connections; ++slot) {
        fds.push_back(connection_to(server));
        epoll_event wanted{.events = EPOLLIN, .data = {.u32 = slot}};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fds[slot], &wanted) != 0) fail("epoll_ctl");
    }
    long begun = 0;
    for (; begun < connections && begun < messages; ++begun)
        put(fds[static_cast<std::size_t>(begun)], kEnvelope[0]);
    for (long done = 0; done < messages;) {
        epoll_event ready[512];
        const int events = epoll_wait(poll, ready, 512, -1);
        for (int i = 0; i < events; ++i) {
            const std::uint32_t slot = ready[i].data.u32;
            get(fds[slot]);
            steps[slot] = (steps[slot] + 1) % kSteps;
            if (steps[slot] == 0) {
                ++done;
                if (begun++ >= messages) continue;
            }
            put(fds[slot], steps[slot] < kSteps - 1 ? kEnvelope[steps[slot]] : std::string_view(mail));
        }
    }
    return 0;
}
