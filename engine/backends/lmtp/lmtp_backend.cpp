// The backend `lmtp`: hands each message to an LMTP server (RFC 2033) and answers with what the server said.
// Options and rules: docs/backends.md. Here are the options and the entry point; the work is the pool's, on
// its own thread.
#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>

#include <unistd.h>

#include "common/settings.hpp"
#include "lmtp/command_text.hpp"
#include "lmtp/pool.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::lmtp {
namespace {

std::string machine_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
    return name.data();
}

std::int64_t nanoseconds(std::chrono::milliseconds duration) {
    return std::chrono::nanoseconds(duration).count();
}

PoolOptions pool_options(const plugin::Options& options) {
    using std::chrono::seconds;
    PoolOptions pool;
    ConnectionOptions& connection = pool.connection;
    connection.address = parse_address(options.require("address"));
    connection.client.name = options.get("hostname", machine_name());
    if (connection.client.name.empty() || !is_ascii(connection.client.name) ||
        !is_plain_path(connection.client.name) || connection.client.name.find(' ') != std::string::npos)
        throw std::runtime_error("option hostname is to be a domain name");
    connection.client.chunking = options.flag("chunking", true);
    connection.client.pipelining = options.flag("pipelining", true);
    pool.connections = static_cast<std::size_t>(options.number("connections", 4, 1, 256));
    pool.remembered = static_cast<std::size_t>(
        options.number("remembered", Ledger::messages_max_default, 1'000, 10'000'000));
    const auto duration = [&options](const char* name, seconds fallback) {
        return nanoseconds(backends::duration_option(options, name, fallback, seconds(1), seconds(3600)));
    };
    connection.connect_timeout_ns = duration("connect_timeout", seconds(10));
    connection.command_timeout_ns = duration("timeout", seconds(60));
    connection.delivery_timeout_ns = duration("delivery_timeout", seconds(300));
    return pool;
}

class LmtpBackend final : public plugin::Backend {
 public:
    LmtpBackend(plugin::Host host, const plugin::Options& options)
        : durability_(backends::durability_option(options)), pool_(host, pool_options(options)) {}

    plugin::Durability durability() const override { return durability_; }
    void submit(std::span<const plugin::Message> messages) override { pool_.submit(messages); }
    void close() override { pool_.stop(); }

 private:
    const plugin::Durability durability_;
    Pool pool_;
};

}  // namespace
}  // namespace ringmx::lmtp

RINGMX_BACKEND(ringmx::lmtp::LmtpBackend, "lmtp", RINGMX_VERSION)
