// Finding and opening a spool, and finding a message in it.
#include <cstdio>

#include <unistd.h>

#include "commands.hpp"
#include "config/config.hpp"

namespace ringmx::ctl {

namespace {

using storage::spool::Cursor;
using storage::spool::Problem;
using storage::spool::SpoolReader;

constexpr const char* kDefaultConfigPath = "/etc/ringmx/ringmx.toml";

}  // namespace

void complain(const std::string& message) {
    std::fprintf(stderr, "ringmxctl: %s\n", message.c_str());
}

OpenedSpool open_spool(const Location& location, bool acknowledged) {
    std::string path = location.path;
    if (path.empty()) {
        const bool given = !location.config.empty();
        if (!given && access(kDefaultConfigPath, F_OK) != 0) {
            complain("say which spool: --path DIR or --config FILE");
            return {nullptr, ExitCode::usage};
        }
        const auto config = config::load_file(given ? location.config : kDefaultConfigPath);
        if (!config) {
            complain(config.error().message);
            return {nullptr, ExitCode::config};
        }
        path = config->storage.spool.path;
    }
    auto reader = SpoolReader::open(path, {.acknowledged = acknowledged});
    if (!reader) {
        complain(reader.error().message);
        return {nullptr, ExitCode::failed};
    }
    return {std::move(*reader), ExitCode::ok};
}

bool report_corruption(const SpoolReader& reader) {
    bool any = false;
    for (const Problem& problem : reader.problems()) {
        if (problem.kind != Problem::Kind::corruption) continue;
        complain("corruption at " + problem.place.text() + ": " + problem.text);
        any = true;
    }
    return any;
}

FoundMessage find_message(SpoolReader& reader, const std::string& name) {
    const auto cursor = Cursor::parse(name);
    const auto id = MessageId::parse(name);
    if (!cursor && !id) {
        complain(name + " is neither a message id nor a cursor; `ringmxctl spool ls` shows both");
        return {std::nullopt, ExitCode::usage};
    }
    auto found = cursor ? reader.at(*cursor) : reader.find(*id);
    if (!found) {
        complain(found.error().message);
        return {std::nullopt, ExitCode::failed};
    }
    if (!*found) {
        complain("no message " + name + " in this spool");
        return {std::nullopt, ExitCode::not_found};
    }
    return {std::move(*found), ExitCode::ok};
}

}  // namespace ringmx::ctl
