// Finding and opening a spool, and finding a message in it.
#include <cstdio>
#include <utility>

#include <unistd.h>

#include "commands.hpp"
#include "config/config.hpp"
#include "storage/delivery/requeue.hpp"

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

std::string spool_path(const Location& location, ExitCode& code) {
    std::string path = location.path;
    if (path.empty()) {
        const bool given = !location.config.empty();
        if (!given && access(kDefaultConfigPath, F_OK) != 0) {
            complain("say which spool: --path DIR or --config FILE");
            code = ExitCode::usage;
            return {};
        }
        const auto config = config::load_file(given ? location.config : kDefaultConfigPath);
        if (!config) {
            complain(config.error().message);
            code = ExitCode::config;
            return {};
        }
        path = config->storage.spool.path;
    }
    return location.dead ? storage::delivery::dead_path(path) : path;
}

OpenedSpool open_spool(const Location& location, storage::spool::ReadOptions options) {
    ExitCode code = ExitCode::ok;
    const std::string path = spool_path(location, code);
    if (path.empty()) return {nullptr, code};
    if (location.dead && access(path.c_str(), F_OK) != 0) {
        complain("there are no dead letters, and there have been none: " + path + " does not exist");
        return {nullptr, ExitCode::ok};
    }
    auto reader = SpoolReader::open(path, options);
    if (!reader) {
        complain(reader.error().message);
        return {nullptr, ExitCode::failed};
    }
    return {std::move(*reader), ExitCode::ok};
}

bool report_corruption(const SpoolReader& reader) {
    std::size_t none_so_far = 0;
    return report_corruption(reader, none_so_far);
}

bool report_corruption(const SpoolReader& reader, std::size_t& reported) {
    bool any = false;
    const std::size_t before = std::exchange(reported, reader.problems().size());
    for (const Problem& problem : reader.problems().subspan(before)) {
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
