// Loading TOML: every value lands in its field, and every error names file, line, key and what is allowed.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "config/config.hpp"

namespace ringmx::config {
namespace {

// Makes the tests independent of the machine's name and its number of cores.
constexpr const char* kServer = "[server]\nhostname = \"mx.example.com\"\ncores = 1\n";

Result<Config> load(const std::string& text) {
    return load_text(text, "x.toml", "/etc/ringmx");
}

std::string error_of(const std::string& text) {
    const auto result = load(text);
    return result.ok() ? "(no error)" : result.error().message;
}

TEST(Load, EmptyFileGivesTheDefaults) {
    const auto config = load(kServer);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->server.listen, std::vector<std::string>{"127.0.0.1:2525"});
    EXPECT_EQ(config->server.memory_bytes, 1u << 30);
    EXPECT_TRUE(config->accept.domains.empty());
    EXPECT_EQ(config->smtp.message_bytes_max, 50u << 20);
    EXPECT_EQ(config->timeouts.command_s, 300u);
    EXPECT_EQ(config->storage.backend, StorageBackend::spool);
    EXPECT_FALSE(config->storage.durability_set);
    EXPECT_EQ(config->storage.spool.path, "/var/spool/ringmx");
}

TEST(Load, EveryKeyLandsInItsField) {
    const auto config = load(R"(
[server]
hostname = "mx1.example.com"
listen = ["0.0.0.0:25", "[::]:25"]
cores = 3
pin = false
memory = "2GiB"
connections_max = 5000
shutdown_grace = "1m"
[accept]
domains = ["example.com", "münchen.example", "[192.0.2.1]", "*"]
recipients = "/etc/ringmx/recipients"
[smtp]
message_size = "20MiB"
recipients_max = 200
messages_max = 7
commands_max = 1000
errors_max = 5
recipients_refused_max = 6
received_headers_max = 120
command_line = 2000
bare_newline = "reject"
bare_newline_exceptions = [
    { network = "192.0.2.0/24", mode = "accept" },
    { network = "2001:db8::/32", mode = "normalize" },
]
[timeouts]
command = 60
data_block = "2m"
end_of_data = "1h"
send = "45s"
[storage]
backend = "maildir"
durability = "process"
host = "worker"
workers = 2
queue = 100
[storage.spool]
path = "/spool"
segment_size = "8MiB"
min_free = "1GiB"
require_direct_io = false
[storage.maildir]
path = "/mail"
min_free = 0
[log]
transactions = "errors"
path = "/var/log/ringmx.log"
[admin]
socket = "/run/ringmx.sock"
)");
    ASSERT_TRUE(config.ok()) << config.error().message;
    const Config& c = *config;
    EXPECT_EQ(c.server.hostname, "mx1.example.com");
    EXPECT_EQ(c.server.listen, (std::vector<std::string>{"0.0.0.0:25", "[::]:25"}));
    EXPECT_EQ(c.server.cores, 3u);
    EXPECT_FALSE(c.server.pin);
    EXPECT_EQ(c.server.memory_bytes, std::uint64_t{2} << 30);
    EXPECT_EQ(c.server.connections_max, 5000u);
    EXPECT_EQ(c.server.shutdown_grace_s, 60u);
    EXPECT_EQ(c.accept.domains,
              (std::vector<std::string>{"example.com", "münchen.example", "[192.0.2.1]", "*"}));
    EXPECT_EQ(c.accept.recipients, "/etc/ringmx/recipients");
    EXPECT_EQ(c.smtp.message_bytes_max, 20u << 20);
    EXPECT_EQ(c.smtp.recipients_max, 200u);
    EXPECT_EQ(c.smtp.messages_max, 7u);
    EXPECT_EQ(c.smtp.commands_max, 1000u);
    EXPECT_EQ(c.smtp.errors_max, 5u);
    EXPECT_EQ(c.smtp.recipients_refused_max, 6u);
    EXPECT_EQ(c.smtp.received_headers_max, 120u);
    EXPECT_EQ(c.smtp.command_line_octets_max, 2000u);
    EXPECT_EQ(c.smtp.bare_newline, BareNewlineMode::reject);
    ASSERT_EQ(c.smtp.bare_newline_exceptions.size(), 2u);
    EXPECT_EQ(c.smtp.bare_newline_exceptions[0].network.prefix_bits, 24);
    EXPECT_EQ(c.smtp.bare_newline_exceptions[0].mode, BareNewlineMode::accept);
    EXPECT_EQ(c.smtp.bare_newline_exceptions[1].network.base.family, PeerAddress::Family::ipv6);
    EXPECT_EQ(c.smtp.bare_newline_exceptions[1].mode, BareNewlineMode::normalize);
    EXPECT_EQ(c.timeouts.command_s, 60u);
    EXPECT_EQ(c.timeouts.data_block_s, 120u);
    EXPECT_EQ(c.timeouts.end_of_data_s, 3600u);
    EXPECT_EQ(c.timeouts.send_s, 45u);
    EXPECT_EQ(c.storage.backend, StorageBackend::maildir);
    EXPECT_EQ(c.storage.durability, DurabilityLevel::process);
    EXPECT_TRUE(c.storage.durability_set);
    EXPECT_EQ(c.storage.host, StorageHost::worker);
    EXPECT_EQ(c.storage.workers, 2u);
    EXPECT_EQ(c.storage.queue, 100u);
    EXPECT_EQ(c.storage.spool.path, "/spool");
    EXPECT_EQ(c.storage.spool.segment_bytes, 8u << 20);
    EXPECT_EQ(c.storage.spool.min_free_bytes, 1u << 30);
    EXPECT_FALSE(c.storage.spool.direct_io_required);
    EXPECT_EQ(c.storage.maildir.path, "/mail");
    EXPECT_EQ(c.storage.maildir.min_free_bytes, 0u);
    EXPECT_EQ(c.log.transactions, LogTransactions::errors);
    EXPECT_EQ(c.log.path, "/var/log/ringmx.log");
    EXPECT_EQ(c.admin.socket, "/run/ringmx.sock");
}

TEST(Load, WordsStandForZero) {
    const auto config = load(
        "server = { hostname = \"mx.example.com\", cores = \"all\", memory = \"16TiB\", connections_max = "
        "\"auto\" }\n"
        "smtp = { messages_max = \"unlimited\" }\n");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->server.cores, 0u);
    EXPECT_EQ(config->server.connections_max, 0u);
    EXPECT_EQ(config->smtp.messages_max, 0u);
}

TEST(Load, RelativePathsAreRelativeToTheFilesFolder) {
    const auto config =
        load(std::string(kServer) + "[storage.spool]\npath = \"spool\"\n[log]\npath = \"a/b.log\"\n");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->storage.spool.path, "/etc/ringmx/spool");
    EXPECT_EQ(config->log.path, "/etc/ringmx/a/b.log");
    EXPECT_EQ(config->accept.recipients, "");  // absent: not a folder
}

TEST(Load, UnknownKeyNamesLineAndNearestKey) {
    EXPECT_EQ(error_of(std::string(kServer) + "memroy = \"1GiB\"\n"),
              "x.toml:4: unknown key server.memroy; did you mean server.memory?");
    EXPECT_EQ(error_of(std::string(kServer) + "domains = []\n"),
              "x.toml:4: unknown key server.domains; did you mean accept.domains?");
    EXPECT_EQ(error_of(std::string(kServer) + "[storage.spol]\npath = \"/x\"\n"),
              "x.toml:4: unknown section [storage.spol]; did you mean [storage.spool]?");
    EXPECT_EQ(error_of(std::string(kServer) + "[accept]\nfrobnicate = 1\n"),
              "x.toml:5: unknown key accept.frobnicate; allowed here: domains, recipients, "
              "recipient_delimiter, recipients_check_interval");
    EXPECT_EQ(error_of(std::string(kServer) + "[quota]\nx = 1\n"), "x.toml:4: unknown section [quota]");
    EXPECT_EQ(error_of("smtp = 3\n" + std::string(kServer)), "x.toml:1: smtp is a section: write [smtp]");
}

TEST(Load, BadValueNamesKeyAndWhatIsAllowed) {
    EXPECT_EQ(error_of(std::string(kServer) + "memory = \"256MB\"\n"),
              "x.toml:4: server.memory: \"256MB\" is not allowed; give a size from 48MiB to 16TiB, such as "
              "\"64KiB\", "
              "\"256MiB\" or \"2GiB\"");
    EXPECT_EQ(error_of(std::string(kServer) + "pin = \"yes\"\n"),
              "x.toml:4: server.pin: \"yes\" is not allowed; give true or false");
    EXPECT_EQ(error_of(std::string(kServer) + "[storage]\nhost = \"both\"\n"),
              "x.toml:5: storage.host: \"both\" is not allowed; give \"auto\", \"core\" or \"worker\"");
    EXPECT_EQ(error_of(std::string(kServer) + "[smtp]\nrecipients_max = 99\n"),
              "x.toml:5: smtp.recipients_max: 99 is not allowed; give a whole number from 100 to 100000");
    EXPECT_EQ(error_of(std::string(kServer) + "[timeouts]\nsend = 0\n"),
              "x.toml:5: timeouts.send: 0 is not allowed; give a duration from 1s to 1d, such as \"30s\", "
              "\"5m\" or "
              "\"1h\"");
}

TEST(Load, EveryKindOfWrongValueIsRefused) {
    const char* const bad[] = {
        "connections_max = -1",
        "connections_max = \"many\"",
        "connections_max = 1.5",
        "listen = []",
        "listen = \"127.0.0.1:25\"",
        "listen = [\"127.0.0.1\"]",
        "listen = [\"::1:25\"]",
        "listen = [\"127.0.0.1:0\"]",
        "listen = [\"127.0.0.1:65536\"]",
        "listen = [25]",
        "listen = [\"[127.0.0.1]:25\"]",
        "listen = [\"10.0.0.0/8:25\"]",
        "listen = [\"a:25\"]",
        "listen = [\"1.2.3.4:25\", \"1.2.3.4:25\"]",
        "memory = 5",
        "memory = true",
        "shutdown_grace = \"2d\"",
        "shutdown_grace = 1979-05-27",
        "pin = 1",
        "pin = [true]",
    };
    for (const char* line : bad) {
        const std::string error = error_of(std::string(kServer) + line + "\n");
        EXPECT_TRUE(error.starts_with("x.toml:4: server.")) << line << " -> " << error;
    }
}

TEST(Load, HostnameAndDomainsMustBeDomainNames) {
    for (const char* name :
         {"", "a..b", "-a.example", "a-.example", "a b", "a.example.", "a@b", "[192.0.2.1]"}) {
        EXPECT_TRUE(
            error_of("[server]\nhostname = \"" + std::string(name) + "\"\ncores = 1\n")
                .starts_with("x.toml:2: server.hostname: \"" + std::string(name) + "\" is not allowed"))
            << name;
    }
    for (const char* name : {"", "user@example.com", "*.example.com", "[192.0.2. 1]", "a,b"}) {
        EXPECT_TRUE(
            error_of(std::string(kServer) + "[accept]\ndomains = [\"" + name + "\"]\n")
                .starts_with("x.toml:5: accept.domains: \"" + std::string(name) + "\" is not allowed"))
            << name;
    }
}

TEST(Load, BadExceptionsAreRefused) {
    const auto with = [](const std::string& list) {
        return error_of(std::string(kServer) + "[smtp]\nbare_newline_exceptions = " + list + "\n");
    };
    EXPECT_EQ(with("[]"), "(no error)");
    EXPECT_TRUE(with("[\"192.0.2.0/24\"]").starts_with("x.toml:5: smtp.bare_newline_exceptions: "));
    EXPECT_EQ(
        with("[{ network = \"192.0.2.0/33\", mode = \"accept\" }]"),
        "x.toml:5: smtp.bare_newline_exceptions: network \"192.0.2.0/33\" is not a network; give one like "
        "\"192.0.2.0/24\"");
    EXPECT_EQ(
        with("[{ network = \"192.0.2.0/24\" }]"),
        "x.toml:5: smtp.bare_newline_exceptions: mode \"\" is not allowed; give \"normalize\", \"reject\" or "
        "\"accept\"");
    EXPECT_TRUE(with("[{ network = \"::/0\", mod = \"accept\" }]")
                    .starts_with("x.toml:5: smtp.bare_newline_exceptions: mod is unknown"));
    EXPECT_TRUE(with("[{ network = 1, mode = \"accept\" }]")
                    .starts_with("x.toml:5: smtp.bare_newline_exceptions: network is not a string"));
}

TEST(Load, AllErrorsAreReportedInTheOrderOfTheirLines) {
    EXPECT_EQ(
        error_of("[smtp]\nerrors_max = 0\n" + std::string(kServer) + "pim = true\n[accept]\ndomains = 1\n"),
        "x.toml:2: smtp.errors_max: 0 is not allowed; give a whole number from 1 to 1073741824\n"
        "x.toml:6: unknown key server.pim; did you mean server.pin?\n"
        "x.toml:8: accept.domains: 1 is not allowed; give an array of domain names, such as "
        "[\"example.com\"]");
}

TEST(Load, SyntaxErrorNamesItsLine) {
    const std::string error = error_of("[server]\nhostname = \n");
    EXPECT_TRUE(error.starts_with("x.toml:2: ")) << error;
    EXPECT_TRUE(error_of("[server]\ncores = 1\ncores = 2\n").starts_with("x.toml:3: "));
    EXPECT_TRUE(error_of("a = \"\xff\"\n").starts_with("x.toml:1: "));
}

TEST(Load, MemoryMustSufficeForTheCores) {
    EXPECT_EQ(
        error_of("[server]\nhostname = \"mx.example.com\"\ncores = 4\nmemory = \"100MiB\"\n"),
        "x.toml:4: server.memory: \"100MiB\" is too little for 4 cores; give at least \"132MiB\" or fewer "
        "server.cores");
    EXPECT_EQ(error_of("[server]\nhostname = \"mx.example.com\"\ncores = 4\nmemory = \"132MiB\"\n"),
              "(no error)");
}

TEST(Load, DurabilityBeyondTheBackendIsRefused) {
    const auto with = [](const std::string& storage) {
        return error_of(std::string(kServer) + "[storage]\n" + storage);
    };
    EXPECT_EQ(with("backend = \"discard\"\n"), "(no error)");
    EXPECT_EQ(with("backend = \"discard\"\ndurability = \"none\"\n"), "(no error)");
    EXPECT_EQ(with("durability = \"machine\"\n"), "(no error)");
    EXPECT_EQ(with("backend = \"discard\"\ndurability = \"process\"\n"),
              "x.toml:6: storage.durability: \"process\" is more than backend \"discard\" gives, which is "
              "\"none\"");
    EXPECT_EQ(with("durability = \"replicated\"\n"),
              "x.toml:5: storage.durability: \"replicated\" is more than backend \"spool\" gives, which is "
              "\"machine\"");
}

TEST(Load, OptionsOfAPluginAreTextInTheOrderOfTheFile) {
    const auto config = load(std::string(kServer) + R"(
[storage]
backend = "plugin"
lmtp = { server = "127.0.0.1:24" }
[storage.plugin]
path = "mine.so"
[storage.plugin.options]
zeta = "text"
alpha = 5
list = ["b", 7, true]
none = []
ratio = 0.25
off = false
[storage.jetstream]
servers = ["a", "b"]
)");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->storage.plugin.path, "/etc/ringmx/mine.so");
    const OptionList expected = {{"zeta", "text"}, {"alpha", "5"},    {"list", "b"},   {"list", "7"},
                                 {"list", "true"}, {"ratio", "0.25"}, {"off", "false"}};
    EXPECT_EQ(config->storage.plugin.options, expected);
    EXPECT_EQ(plugin_options(config->storage), expected);
    EXPECT_EQ(config->storage.lmtp, (OptionList{{"server", "127.0.0.1:24"}}));
    EXPECT_EQ(config->storage.jetstream, (OptionList{{"servers", "a"}, {"servers", "b"}}));
}

TEST(Load, OptionsThatNoPluginCouldReadAreRefused) {
    const std::string head = "[storage.http]\n";
    const std::string allowed = " is to be a string, a number, a boolean or an array of them";
    EXPECT_EQ(error_of(head + "a = 1\nwhen = 2026-01-01\n"), "x.toml:3: storage.http.when" + allowed);
    EXPECT_EQ(error_of(head + "table = { a = 1 }\n"), "x.toml:2: storage.http.table" + allowed);
    EXPECT_EQ(error_of(head + "list = [[1]]\n"), "x.toml:2: storage.http.list" + allowed);
    EXPECT_EQ(error_of(head + "text = \"a\\u0000b\"\n"), "x.toml:2: storage.http.text" + allowed);
    EXPECT_EQ(
        error_of("[storage]\nhttp = 5\n"),
        "x.toml:2: storage.http: 5 is not allowed; give a table of strings, numbers, booleans and arrays of "
        "them");
}

TEST(Load, APluginHasAPathAndRunsOnWorkers) {
    EXPECT_EQ(error_of(std::string(kServer) + "[storage]\nbackend = \"plugin\"\n"),
              "x.toml:5: storage.backend: \"plugin\" needs storage.plugin.path, the shared object");
    EXPECT_EQ(
        error_of(std::string(kServer) + "[storage]\nbackend = \"lmtp\"\nhost = \"core\"\n"),
        "x.toml:6: storage.host: \"core\" is not for backend \"lmtp\": a plugin runs on workers; leave it "
        "out or give \"worker\"");
    EXPECT_TRUE(
        load(std::string(kServer) + "[storage]\nbackend = \"kafka\"\ndurability = \"replicated\"\n").ok());
}

TEST(Load, AMaildirsTemplateHasKnownPlaceholders) {
    const auto with = [](const std::string& backend, const std::string& path) {
        return error_of(std::string(kServer) + "[storage]\nbackend = \"" + backend +
                        "\"\n[storage.maildir]\npath = \"" + path + "\"\n");
    };
    EXPECT_EQ(with("maildir", "/var/mail/{domain}/{local}/Maildir"), "(no error)");
    EXPECT_EQ(with("maildir", "/var/mail/{user}"),
              "x.toml:7: storage.maildir.path: \"/var/mail/{user}\" {user} is no placeholder; {domain} and "
              "{local} are");
    EXPECT_EQ(with("spool", "/var/mail/{user}"), "(no error)");
}

TEST(Load, LimitsHoldTogether) {
    const auto with = [](const std::string& limits) {
        return error_of(std::string(kServer) + "[limits]\n" + limits);
    };
    EXPECT_EQ(with("reserve = 10\nknown = [\"192.0.2.0/24\"]\nnetwork_prefix_ipv6 = 48\n"), "(no error)");
    EXPECT_EQ(with("exempt = []\nclient_connections = \"unlimited\"\n"), "(no error)");
    EXPECT_EQ(with("reserve = 10\n"),
              "x.toml:5: limits.reserve: is for the networks of limits.known: give some");
    EXPECT_EQ(with("client_prefix_ipv4 = 16\n"),
              "x.toml: limits.network_prefix_ipv4: is longer than limits.client_prefix_ipv4");
    EXPECT_EQ(with("network_prefix_ipv6 = 72\n"),
              "x.toml:5: limits.network_prefix_ipv6: is longer than limits.client_prefix_ipv6");
    EXPECT_EQ(error_of(std::string(kServer) +
                       "connections_max = 10\n[limits]\nreserve = 10\nknown = [\"192.0.2.1\"]\n"),
              "x.toml:6: limits.reserve: is all of server.connections_max, or more");
}

TEST(Load, SegmentsAreWholeLargeChunks) {
    EXPECT_EQ(error_of(std::string(kServer) + "[storage.spool]\nsegment_size = 1048577\n"),
              "x.toml:5: storage.spool.segment_size: \"1048577B\" is not a whole number of 64KiB");
}

TEST(Load, FileIsReadAndMissingFileIsNamed) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("ringmx-config-" + std::to_string(getpid()));
    std::filesystem::create_directory(folder);
    const std::string path = folder / "ringmx.toml";
    std::ofstream(path) << kServer << "[storage.spool]\npath = \"s\"\n";
    const auto config = load_file(path);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->storage.spool.path, (folder / "s").string());
    std::filesystem::remove_all(folder);

    const auto missing = load_file(path);
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_EQ(missing.error().message, path + ": No such file or directory");
    EXPECT_FALSE(load_file("/").ok());          // a folder
    EXPECT_FALSE(load_file("/dev/zero").ok());  // without end
}

TEST(Warnings, SurprisesAreSaid) {
    auto config = load(kServer);
    ASSERT_TRUE(config.ok());
    ASSERT_EQ(warnings(*config).size(), 1u);
    EXPECT_NE(warnings(*config)[0].find("accept.domains is empty"), std::string::npos);
    config->accept.domains = {"example.com"};
    EXPECT_TRUE(warnings(*config).empty());
    config->accept.domains = {"*"};
    config->storage.backend = StorageBackend::discard;
    config->server.hostname = "localhost";
    EXPECT_EQ(warnings(*config).size(), 3u);
}

TEST(Proxy, ListenersAreThoseOfTheServer) {
    const std::string server = std::string(kServer) + "listen = [\"127.0.0.1:25\", \"[::1]:25\"]\n";
    const auto config =
        load(server +
             "[proxy]\nnetworks = [\"10.0.0.0/8\"]\nlisteners = [\"[::1]:25\"]\nxclient = [\"192.0.2.1\"]\n");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->proxy.networks.size(), 1u);
    EXPECT_EQ(config->proxy.xclient.size(), 1u);
    EXPECT_EQ(config->timeouts.proxy_header_s, 5u);
    EXPECT_NE(error_of(server + "[proxy]\nnetworks = [\"10.0.0.0/8\"]\nlisteners = [\"127.0.0.1:26\"]\n")
                  .find("\"127.0.0.1:26\" stands neither in server.listen nor in server.listen_tls"),
              std::string::npos);
    EXPECT_NE(error_of(server + "[proxy]\nlisteners = [\"127.0.0.1:25\"]\n").find("needs proxy.networks"),
              std::string::npos);
}

TEST(Proxy, EverybodyAsAProxyIsWarnedOf) {
    for (const char* key : {"networks = [\"0.0.0.0/0\"]", "xclient = [\"10.0.0.0/8\", \"::/0\"]"}) {
        const auto config =
            load(std::string(kServer) + "[accept]\ndomains = [\"example.com\"]\n[proxy]\n" + key + "\n");
        ASSERT_TRUE(config.ok()) << config.error().message;
        ASSERT_EQ(warnings(*config).size(), 1u);
        EXPECT_NE(warnings(*config)[0].find("every client may pass for any other"), std::string::npos);
    }
}

TEST(Endpoint, AddressAndPortAreRead) {
    const auto v4 = parse_endpoint("192.0.2.1:25");
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->family, PeerAddress::Family::ipv4);
    EXPECT_EQ(v4->port, 25);
    const auto v6 = parse_endpoint("[2001:db8::1]:2525");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->family, PeerAddress::Family::ipv6);
    EXPECT_EQ(v6->port, 2525);
}

}  // namespace
}  // namespace ringmx::config
