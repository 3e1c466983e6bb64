// ringmx-jetstream: the command line. docs/backends.md describes it.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace {

using namespace ringmx::jetstream;

void add_access(CLI::App& app, Access& access) {
    app.add_option("--server", access.servers, "nats://HOST:PORT; may be given several times");
    app.add_option("--credentials", access.credentials, "file with a JWT and its key");
    app.add_option("--user", access.user, "user name");
    app.add_option("--password", access.password, "password");
    app.add_option("--token", access.token, "token");
    app.add_option("--tls-ca", access.tls_ca, "file with the CA's certificate; asks for TLS");
    app.add_option("--tls-cert", access.tls_cert, "file with this client's certificate");
    app.add_option("--tls-key", access.tls_key, "file with its key");
}

CLI::App& add_create(CLI::App& app, CreateOptions& options) {
    CLI::App& create = *app.add_subcommand("create", "make a stream for mail, unless it is there as wanted");
    create.add_option("stream", options.stream, "its name")->required();
    create.add_option("--subject", options.subjects, "subjects; default mail.>");
    create.add_option("--replicas", options.replicas, "servers that keep each message")
        ->check(CLI::Range(1, 5));
    create.add_option("--storage", options.storage, "file or memory")
        ->check(CLI::IsMember({"file", "memory"}));
    create.add_option("--retention", options.retention, "limits, or workqueue: acknowledged mail is deleted")
        ->check(CLI::IsMember({"limits", "workqueue"}));
    create.add_option("--duplicates", options.duplicates_s, "seconds that ids of messages are remembered")
        ->check(CLI::Range(1, 7 * 86400));
    create.add_option("--octets-max", options.octets_max,
                      "of the stream; when full it refuses, and deletes nothing");
    create.add_option("--wait", options.wait_s, "seconds to wait for a cluster that is starting");
    return create;
}

CLI::App& add_cat(CLI::App& app, CatOptions& options) {
    CLI::App& cat = *app.add_subcommand("cat", "read mail, put it together, and acknowledge what is written");
    cat.add_option("stream", options.stream, "its name")->required();
    cat.add_option("--durable", options.durable, "name of the consumer: several readers share its mail");
    cat.add_option("--subject", options.subject, "only this subject, which may have wildcards");
    cat.add_option("--maildir", options.maildir, "write to this Maildir, not to standard output");
    cat.add_option("--work", options.work, "folder for chunks, when writing to standard output");
    cat.add_flag("--raw", options.raw, "without the lines Return-Path and X-Original-To");
    cat.add_flag("--until-empty", options.until_empty, "end when everything was read");
    cat.add_option("--ack-wait", options.ack_wait_s, "seconds until what a reader has lost comes again")
        ->check(CLI::Range(1, 3600));
    cat.add_option("--give-up", options.give_up_s, "seconds until an incomplete message is dropped")
        ->check(CLI::Range(1, 30 * 86400));
    return cat;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Streams of mail in NATS JetStream, as ringmx writes them.", "ringmx-jetstream");
    app.require_subcommand(1);
    app.fallthrough();
    Access access;
    access.name = "ringmx-jetstream";
    add_access(app, access);
    CreateOptions create_options;
    CatOptions cat_options;
    std::string stream;
    bool sync_always = false;
    CLI::App& create = add_create(app, create_options);
    CLI::App& info = *app.add_subcommand("info", "show a stream, and what it promises, as JSON");
    info.add_option("stream", stream, "its name")->required();
    info.add_flag("--sync-always", sync_always, "its servers sync every write");
    CLI::App& cat = add_cat(app, cat_options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 64;
    }
    if (access.servers.empty()) access.servers.emplace_back("nats://127.0.0.1:4222");
    try {
        if (create.parsed()) return create_stream(access, create_options);
        if (info.parsed()) return show_stream(access, stream, sync_always);
        if (cat.parsed()) return cat_stream(access, cat_options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "ringmx-jetstream: %s\n", error.what());
    }
    return 1;
}
