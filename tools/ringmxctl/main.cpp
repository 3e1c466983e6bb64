// ringmxctl: the operator's program: looks into spools and asks running servers. This file reads the command
// line.
#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace {

using ringmx::ctl::ExitCode;

struct Options {
    ringmx::ctl::ListOptions list;
    ringmx::ctl::ListOptions follow;
    ringmx::ctl::CatOptions cat;
    ringmx::ctl::ExportOptions export_all;
    ringmx::ctl::VerifyOptions verify;
    ringmx::ctl::AckOptions ack;
    ringmx::ctl::RequeueOptions requeue;
    ringmx::ctl::StatusOptions status;
    ringmx::ctl::ServerSocket reload;
    ringmx::ctl::BuildOptions build;
    ringmx::ctl::CheckOptions check;
};

void add_location(CLI::App& command, ringmx::ctl::Location& location) {
    auto* const path = command.add_option("-p,--path", location.path, "The spool's folder");
    command
        .add_option("-c,--config", location.config, "The server's configuration file, which names the spool")
        ->excludes(path);
}

CLI::App& add_ls(CLI::App& spool, ringmx::ctl::ListOptions& options) {
    CLI::App& command = *spool.add_subcommand("ls", "List the messages");
    add_location(command, options.location);
    command.add_flag("--json", options.json, "One JSON object a line");
    command.add_flag("--acknowledged", options.acknowledged, "Acknowledged messages, too");
    command.footer("\nExample:\n  ringmxctl spool ls --config /etc/ringmx/ringmx.toml");
    return command;
}

CLI::App& add_cat(CLI::App& spool, ringmx::ctl::CatOptions& options) {
    CLI::App& command = *spool.add_subcommand("cat", "Write one message to standard output");
    add_location(command, options.location);
    command.add_option("ID", options.name, "Message id or cursor")->required();
    auto* const body = command.add_flag("--body", options.body, "Mail data only, without the trace header");
    command.add_flag("--envelope", options.envelope, "The envelope as JSON instead")->excludes(body);
    command.footer(
        "\nExample:\n  ringmxctl spool cat --path /var/spool/ringmx 01890a5d-ac96-774b-bcce-b302099a8057");
    return command;
}

CLI::App& add_export(CLI::App& spool, ringmx::ctl::ExportOptions& options) {
    CLI::App& command = *spool.add_subcommand("export", "Copy every message");
    add_location(command, options.location);
    command
        .add_option("--to", options.to,
                    "A folder (Maildir), a name that ends in .mbox, or - for standard output")
        ->required();
    command.add_flag("--acknowledged", options.acknowledged, "Acknowledged messages, too");
    command.footer(
        "\nExamples:\n"
        "  ringmxctl spool export --path /var/spool/ringmx --to /var/mail/queue     # Maildir\n"
        "  ringmxctl spool export --path /var/spool/ringmx --to today.mbox\n"
        "  ringmxctl spool export --path /var/spool/ringmx --to - | your-program");
    return command;
}

CLI::App& add_follow(CLI::App& spool, ringmx::ctl::ListOptions& options) {
    CLI::App& command = *spool.add_subcommand("follow", "Print messages as they come");
    add_location(command, options.location);
    command.add_flag("--json", options.json, "One JSON object a line");
    command.add_flag("--acknowledged", options.acknowledged, "Acknowledged messages, too");
    auto* const all = command.add_flag("--all", options.all, "Begin at the oldest message");
    command
        .add_option("--from", options.from,
                    "Begin behind this cursor; once for each shard, the others begin at their oldest message")
        ->expected(1)
        ->take_all()
        ->excludes(all);
    command.footer("\nExample:\n  ringmxctl spool follow --json --path /var/spool/ringmx");
    return command;
}

CLI::App& add_verify(CLI::App& spool, ringmx::ctl::VerifyOptions& options) {
    CLI::App& command = *spool.add_subcommand("verify", "Check every checksum");
    add_location(command, options.location);
    command.add_flag("--json", options.json, "The report as one JSON object");
    command
        .add_option("--acks", options.acks,
                    "Also compare with the messages that ringmx-load --acks wrote down there")
        ->check(CLI::ExistingFile);
    command.footer(
        "\nEnds with 4 if acknowledged data is damaged or, with --acks, missing. A torn end is what a crash "
        "leaves, and no damage.");
    return command;
}

CLI::App& add_ack(CLI::App& spool, ringmx::ctl::AckOptions& options) {
    CLI::App& command =
        *spool.add_subcommand("ack", "Mark messages as done, so that their space is used again");
    add_location(command, options.location);
    auto* const names = command.add_option("ID", options.names, "Message ids or cursors");
    auto* const through =
        command.add_option("--through", options.through, "A cursor: all of its shard up to it")
            ->excludes(names);
    command.add_flag("--all", options.all, "All that there are now")->excludes(names)->excludes(through);
    command.footer("\nExample:\n  ringmxctl spool ack --path /var/spool/ringmx --all");
    return command;
}

CLI::App& add_requeue(CLI::App& spool, ringmx::ctl::RequeueOptions& options) {
    CLI::App& command =
        *spool.add_subcommand("requeue", "With --dead: have dead letters delivered once more");
    add_location(command, options.location);
    auto* const names = command.add_option("ID", options.names, "Message ids or cursors");
    command.add_flag("--all", options.all, "All that there are now")->excludes(names);
    command.footer(
        "\nA server that delivers takes them up within a second, or when it starts.\n"
        "Example:\n  ringmxctl spool --dead requeue --path /var/spool/ringmx --all");
    return command;
}

void add_socket(CLI::App& command, ringmx::ctl::ServerSocket& socket) {
    auto* const path = command.add_option("-s,--socket", socket.path, "The server's socket (admin.socket)");
    command
        .add_option("-c,--config", socket.config,
                    "The server's configuration file, which names it; without both: /etc/ringmx/ringmx.toml")
        ->excludes(path);
}

CLI::App& add_reload(CLI::App& app, ringmx::ctl::ServerSocket& socket) {
    CLI::App& command = *app.add_subcommand(
        "reload", "Have a running server load recipients and certificates anew, and reopen its log");
    add_socket(command, socket);
    command.footer("\nAs SIGHUP does; the server's log and counters tell what came of it.");
    return command;
}

CLI::App& add_build(CLI::App& recipients, ringmx::ctl::BuildOptions& options) {
    CLI::App& command =
        *recipients.add_subcommand("build", "Make a table (recipients = \"table:FILE\") of a list");
    command.add_option("INPUT", options.input, "A text file, one address a line; - for standard input")
        ->required();
    command.add_option("OUTPUT", options.output, "The table; one that is there is replaced at once")
        ->required();
    command.add_flag("--skip-bad", options.skip_bad,
                     "Leave out lines that are wrong; without it they are an error");
    command.footer("\nExample:\n  ringmxctl recipients build recipients.txt /etc/ringmx/recipients.table");
    return command;
}

CLI::App& add_check(CLI::App& recipients, ringmx::ctl::CheckOptions& options) {
    CLI::App& command = *recipients.add_subcommand("check", "Look addresses up by hand");
    command.add_option("FILE", options.source, "A table or a text file; table:, file: or lmdb: with a path")
        ->required();
    command.add_option("ADDRESS", options.addresses, "Addresses to look up")->required();
    command.add_option("--delimiter", options.delimiters, "As accept.recipient_delimiter")
        ->capture_default_str();
    command.footer(
        "\nEnds with 3 if one of them does not exist.\n"
        "Example:\n  ringmxctl recipients check /etc/ringmx/recipients.table user@example.com");
    return command;
}

CLI::App& add_status(CLI::App& app, ringmx::ctl::StatusOptions& options) {
    CLI::App& command = *app.add_subcommand("status", "Print the counters of a running server");
    add_socket(command, options.socket);
    command.add_flag("--json", options.json, "The answer as it comes");
    command.add_flag("--describe", options.describe, "What the counters mean; asks no server");
    return command;
}

ExitCode run_ack(const ringmx::ctl::AckOptions& options) {
    if (options.names.empty() && options.through.empty() && !options.all) {
        ringmx::ctl::complain("say what to acknowledge: ID..., --through CURSOR or --all");
        return ExitCode::usage;
    }
    return ringmx::ctl::ack(options);
}

ExitCode run_requeue(const ringmx::ctl::RequeueOptions& options) {
    if (!options.location.dead) {
        ringmx::ctl::complain("only dead letters are requeued: ringmxctl spool --dead requeue");
        return ExitCode::usage;
    }
    if (options.names.empty() && !options.all) {
        ringmx::ctl::complain("say what to deliver once more: ID... or --all");
        return ExitCode::usage;
    }
    return ringmx::ctl::requeue(options);
}

// The flag --dead of `spool` counts for each of its commands, before or behind the command's name.
void add_dead(CLI::App& spool, Options& options) {
    spool.add_flag_callback(
        "--dead",
        [&options] {
            for (ringmx::ctl::Location* location :
                 {&options.list.location, &options.follow.location, &options.cat.location,
                  &options.export_all.location, &options.verify.location, &options.ack.location,
                  &options.requeue.location})
                location->dead = true;
        },
        "The dead letters of the spool instead of its messages");
    for (CLI::App* command : spool.get_subcommands({}))
        command->fallthrough();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "ringmxctl looks into the spools of ringmx, asks running servers and builds lists of recipients.",
        "ringmxctl"};
    app.require_subcommand(1);
    CLI::App& spool = *app.add_subcommand("spool", "Read a spool, whether its server runs or not");
    spool.require_subcommand(1);
    spool.footer(
        "\n--path DIR or --config FILE says which spool; `ringmxctl spool COMMAND --help` has the details.");

    Options options;
    const CLI::App& ls = add_ls(spool, options.list);
    const CLI::App& cat = add_cat(spool, options.cat);
    const CLI::App& export_all = add_export(spool, options.export_all);
    const CLI::App& follow = add_follow(spool, options.follow);
    const CLI::App& verify = add_verify(spool, options.verify);
    const CLI::App& ack = add_ack(spool, options.ack);
    const CLI::App& requeue = add_requeue(spool, options.requeue);
    add_dead(spool, options);
    const CLI::App& status = add_status(app, options.status);
    const CLI::App& reload = add_reload(app, options.reload);
    CLI::App& recipients = *app.add_subcommand("recipients", "Lists of the recipients that exist");
    recipients.require_subcommand(1);
    const CLI::App& build = add_build(recipients, options.build);
    const CLI::App& check = add_check(recipients, options.check);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }

    ExitCode code = ExitCode::usage;
    if (ls.parsed()) code = ringmx::ctl::list(options.list);
    if (cat.parsed()) code = ringmx::ctl::cat(options.cat);
    if (export_all.parsed()) code = ringmx::ctl::export_all(options.export_all);
    if (follow.parsed()) code = ringmx::ctl::follow(options.follow);
    if (verify.parsed()) code = ringmx::ctl::verify(options.verify);
    if (ack.parsed()) code = run_ack(options.ack);
    if (requeue.parsed()) code = run_requeue(options.requeue);
    if (status.parsed()) code = ringmx::ctl::status(options.status);
    if (reload.parsed()) code = ringmx::ctl::reload(options.reload);
    if (build.parsed()) code = ringmx::ctl::build_recipients(options.build);
    if (check.parsed()) code = ringmx::ctl::check_recipients(options.check);
    return static_cast<int>(code);
}
