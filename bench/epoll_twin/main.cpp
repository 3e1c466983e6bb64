// ringmx-epoll-twin: the server with epoll in place of io_uring, for measuring what the difference is worth.
// Session, messages, policy, storage, log and life cycle are the engine's own objects and files; of
// engine/server only the loop (core.cpp, core.hpp) and the socket's side of a connection (connection_io.cpp)
// are replaced. One core.
//
// It takes the server's own configuration file, or just --listen. Serves until SIGTERM or SIGINT, which
// drain.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <signal.h>

#include "config/config.hpp"
#include "server/core.hpp"
#include "server/engine.hpp"

namespace {

using namespace ringmx;

Result<config::Config> configuration(const std::string& path, const std::string& listen) {
    const auto amend = [&listen](config::Config& config, std::vector<std::string>&) {
        config.server.cores = 1;
        if (!listen.empty()) config.server.listen = {listen};
    };
    if (!path.empty()) return config::load_file(path, amend);
    return config::load_text(
        "[accept]\ndomains = [\"*\"]\n[storage]\nbackend = \"discard\"\n"
        "[log]\ntransactions = \"none\"\n",
        "defaults", "", amend);
}

int fail(const std::string& message) {
    std::fprintf(stderr, "ringmx-epoll-twin: %s\n", message.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("An SMTP server like ringmx, over epoll: a yardstick (docs/benchmarks.md)");
    std::string path;
    std::string listen;
    app.add_option("--config", path, "the server's configuration; without it, everything is discarded");
    app.add_option("--listen", listen, "ADDRESS:PORT, in place of server.listen");
    app.add_option("--trigger", server::trigger, "edge or level")
        ->transform(CLI::CheckedTransformer(std::map<std::string, server::Trigger>{
            {"edge", server::Trigger::edge}, {"level", server::Trigger::level}}));
    CLI11_PARSE(app, argc, argv);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    const auto config = configuration(path, listen);
    if (!config) return fail(config.error().message);
    if (!config->proxy.networks.empty())
        return fail("the twin knows no PROXY header: take proxy.networks out of the configuration");
    if (!config->tls.certificates.empty() || !config->server.listen_tls.empty())
        return fail("the twin has no TLS: take [tls] and server.listen_tls out of the configuration");
    auto engine = server::Engine::start(*config);
    if (!engine) return fail(engine.error().message);
    for (const std::string& address : (*engine)->listening())
        std::printf("listening on %s\n", address.c_str());
    std::fflush(stdout);

    int signal = 0;
    sigwait(&signals, &signal);
    (*engine)->request_stop();
    (*engine)->wait();
    return (*engine)->cut_off() == 0 ? 0 : 2;
}
