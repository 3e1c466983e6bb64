// A mail receiver as part of a program: the engine of ringmx with a decision and a storage of our own.
//     embedded_receiver FOLDER [ADDRESS:PORT]
// receives mail for example.com, refuses nobody@example.com, and puts every message into FOLDER. SIGTERM or
// SIGINT ends it in order.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <ringmx/engine.hpp>
#include <signal.h>

#include "file_store.hpp"

namespace {

namespace embed = ringmx::embed;

// On a core's thread: looks at what it is given and answers at once.
embed::Decision check_recipient(const embed::Ticket&, const embed::Client& client, const embed::Mail&,
                                const embed::Recipient& recipient) {
    if (recipient.local_part != "nobody") return embed::Decision::accept();
    std::printf("refused %.*s for %.*s\n", static_cast<int>(recipient.forward_path.size()),
                recipient.forward_path.data(), static_cast<int>(client.address.size()),
                client.address.data());
    std::fflush(stdout);
    return embed::Decision::refuse(550, "5.1.1", "Nobody reads this mail");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: embedded_receiver FOLDER [ADDRESS:PORT]\n");
        return 64;
    }
    const std::string folder = argv[1];

    // Taken with sigwait below; the engine's threads block signals anyway.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    embed::Options options;
    options.hostname = "mx.example.com";
    options.listen = {argc == 3 ? argv[2] : "127.0.0.1:0"};  // port 0: one that is free
    options.domains = {"example.com"};
    options.cores = 1;
    options.memory = std::uint64_t{256} << 20;
    options.callbacks.on_recipient = check_recipient;
    options.backend_name = "files";
    options.backend = [folder](ringmx::plugin::Host host, const ringmx::plugin::Options&) {
        return std::make_unique<example::FileStore>(host, folder);
    };

    embed::Error error;
    const std::unique_ptr<embed::Engine> engine = embed::Engine::start(std::move(options), error);
    if (engine == nullptr) {
        std::fprintf(stderr, "embedded_receiver: %s\n", error.text.c_str());
        return 1;
    }
    std::printf("ringmx %s listens on %s\n", embed::version(), engine->listening().front().c_str());
    std::fflush(stdout);

    int signal = 0;
    while (sigwait(&ends, &signal) != 0) {
    }
    const int cut_off = engine->stop(std::chrono::seconds(10));

    for (const auto& [name, value] : engine->counters()) {
        if (name == "messages_stored" || name == "recipients_refused" || name.starts_with("files."))
            std::printf("%s %llu\n", name.c_str(), static_cast<unsigned long long>(value));
    }
    return cut_off == 0 ? 0 : 2;
}
