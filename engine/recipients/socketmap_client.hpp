// The client of a socketmap service: a few connections, each with one question at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <poll.h>

#include "base/peer.hpp"
#include "base/result.hpp"
#include "recipients/service_client.hpp"
#include "recipients/service_desk.hpp"
#include "recipients/socketmap_protocol.hpp"

namespace ringmx::recipients {

struct SocketmapOptions {
    std::string path;     // of a Unix socket; empty: `address`
    PeerAddress address;  // with its port
    std::string map;      // NAME of the protocol
    unsigned connections = 4;
};

ServiceName name_of(const SocketmapOptions& options);

class SocketmapClient final : public ServiceClient {
 public:
    static Result<std::unique_ptr<ServiceClient>> make(const SocketmapOptions& options, ServiceDesk& desk);
    ~SocketmapClient() override;
    SocketmapClient(const SocketmapClient&) = delete;
    SocketmapClient& operator=(const SocketmapClient&) = delete;

    void expire(std::int64_t now_ns) override;
    void assign(std::int64_t now_ns) override;
    bool can_begin() const override;
    std::int64_t next_deadline_ns() const override;
    void wait(int event, int timeout_ms) override;
    void serve(std::int64_t now_ns) override;

 private:
    struct Link {
        enum class State : std::uint8_t { closed, connecting, idle, asking };
        State state = State::closed;
        int fd = -1;
        bool proven = false;           // has brought an answer
        std::int64_t deadline_ns = 0;  // of the connection, while it is made
        ServiceDesk::Waiting now;
        ServiceQuestion::Key key = ServiceQuestion::address;
        std::string out;
        std::size_t sent = 0;
        SocketmapReply reply;
    };

    SocketmapClient(const SocketmapOptions& options, ServiceDesk& desk);

    void serve(Link& link, short events, std::int64_t now_ns);
    bool connect(Link& link, std::int64_t now_ns);
    bool open_socket(Link& link) const;
    void begin(Link& link, ServiceDesk::Waiting&& waiting, std::int64_t now_ns);
    void send_question(Link& link, ServiceQuestion::Key key, std::int64_t now_ns);
    void send_more(Link& link, std::int64_t now_ns);
    void receive(Link& link, std::int64_t now_ns);
    void answered(Link& link, std::int64_t now_ns);
    void lost(Link& link, std::int64_t now_ns, const std::string& why);
    void close(Link& link);

    const SocketmapOptions options_;
    ServiceDesk& desk_;
    std::vector<Link> links_;
    std::vector<pollfd> polled_;
};

}  // namespace ringmx::recipients
