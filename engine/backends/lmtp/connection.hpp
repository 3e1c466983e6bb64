// One connection to the LMTP server: a non-blocking socket around a Client. The pool polls it, tells it the
// time and gives it messages. Everything on the pool's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lmtp/address.hpp"
#include "lmtp/client.hpp"

namespace ringmx::lmtp {

struct ConnectionOptions {
    Address address;
    ClientOptions client;
    std::int64_t connect_timeout_ns = 0;   // connecting, greeting and LHLO
    std::int64_t command_timeout_ns = 0;   // without progress, in either direction
    std::int64_t delivery_timeout_ns = 0;  // from the end of the content to each result
};

class Connection {
 public:
    explicit Connection(const ConnectionOptions& options) : options_(options) {}
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Starts to connect. While closed.
    void open(std::int64_t now_ns);
    // For poll(2). A descriptor of -1: closed.
    int descriptor() const { return fd_; }
    short events() const;
    void on_events(short events, std::int64_t now_ns);
    // Ends it if it is too late.
    void on_time(std::int64_t now_ns);
    // When on_time() has something to do; nothing: an idle connection has all the time.
    std::optional<std::int64_t> deadline_ns() const;

    bool closed() const { return fd_ < 0; }
    bool ready() const { return fd_ >= 0 && client_->ready(); }
    // Connecting, or not yet through with LHLO.
    bool opening() const { return fd_ >= 0 && (connecting_ || client_->state() <= Client::State::hello); }
    bool was_ready() const { return was_ready_; }  // since open()
    const std::string& failure() const { return failure_; }

    // While ready(). The pool asks client().finished() afterwards, and after every other call.
    void begin(const plugin::Message& message, std::vector<std::uint32_t> recipients, std::int64_t now_ns);
    // Transactions on this connection before the current one.
    std::uint64_t transactions_before() const { return transactions_ - 1; }
    Client& client() { return *client_; }
    // Without a client's transaction: says QUIT if it can, and closes.
    void quit();
    // Ends the connection; what has no result yet is deferred for this reason.
    void fail(std::string_view reason);

 private:
    void try_next_address(std::int64_t now_ns);
    void on_connected();
    void read_all(std::int64_t now_ns);
    void write_all(std::int64_t now_ns);
    void after_input(std::int64_t now_ns);
    void close();

    const ConnectionOptions& options_;
    std::unique_ptr<Client> client_;
    std::vector<SocketAddress> addresses_;
    std::size_t next_address_ = 0;
    int fd_ = -1;
    bool connecting_ = false;
    bool was_ready_ = false;
    std::int64_t opened_ns_ = 0;
    std::int64_t progress_ns_ = 0;
    std::uint64_t transactions_ = 0;
    std::string failure_;
};

}  // namespace ringmx::lmtp
