// The commands of `ringmxctl`. Answers go to standard output, complaints to standard error; each returns the
// exit code of docs/operations.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "storage/spool/reader.hpp"

namespace ringmx::ctl {

enum class ExitCode : int {
    ok = 0,
    failed = 1,      // a file, the socket, a damaged message
    not_found = 3,   // no such message
    corruption = 4,  // verify found damage to what had been acknowledged, or part of it missing
    usage = 64,      // EX_USAGE
    config = 78,     // EX_CONFIG
};

void complain(const std::string& message);

// Where a command finds its spool or its socket: --path or --config; neither: /etc/ringmx/ringmx.toml.
struct Location {
    std::string path;
    std::string config;
    bool dead = false;  // the dead letters of that spool
};
// The folder of the spool. Empty, with `code`: none was given, which has been complained about.
std::string spool_path(const Location& location, ExitCode& code);

struct OpenedSpool {
    std::unique_ptr<storage::spool::SpoolReader> reader;
    ExitCode code = ExitCode::ok;  // of the failure, when there is no reader; it has been complained about
};
OpenedSpool open_spool(const Location& location, storage::spool::ReadOptions options = {});
// Complains about every corruption that the reader has met; true if there was any.
// `reported`: of the reader's problems, how many were reported before; brought up to date.
bool report_corruption(const storage::spool::SpoolReader& reader, std::size_t& reported);
bool report_corruption(const storage::spool::SpoolReader& reader);

struct FoundMessage {
    std::optional<storage::spool::StoredMessage> message;
    ExitCode code = ExitCode::ok;  // of the failure, when there is none; it has been complained about
};
// The message of an id or a cursor.
FoundMessage find_message(storage::spool::SpoolReader& reader, const std::string& name);

struct ListOptions {
    Location location;
    bool json = false;
    bool acknowledged = false;
    bool all = false;               // follow: begin at the oldest
    std::vector<std::string> from;  // follow: cursors to begin behind
};
ExitCode list(const ListOptions& options);
ExitCode follow(const ListOptions& options);

struct CatOptions {
    Location location;
    std::string name;
    bool envelope = false;
    bool body = false;
};
ExitCode cat(const CatOptions& options);

struct ExportOptions {
    Location location;
    std::string to;
    bool acknowledged = false;
};
ExitCode export_all(const ExportOptions& options);

struct VerifyOptions {
    Location location;
    bool json = false;
    std::string acks;  // a file of ringmx-load --acks; empty: none
};
ExitCode verify(const VerifyOptions& options);

struct AckOptions {
    Location location;
    std::vector<std::string> names;
    std::string through;
    bool all = false;
};
ExitCode ack(const AckOptions& options);

struct RequeueOptions {
    Location location;
    std::vector<std::string> names;
    bool all = false;
};
ExitCode requeue(const RequeueOptions& options);

// A running server's socket: --socket or --config; neither: /etc/ringmx/ringmx.toml.
struct ServerSocket {
    std::string path;
    std::string config;
};
// The answer to a request. Nothing, with `code`: there is none, which has been complained about.
std::optional<std::string> ask_server(const ServerSocket& socket, std::string_view request, ExitCode& code);

struct StatusOptions {
    ServerSocket socket;
    bool json = false;
    bool describe = false;
};
ExitCode status(const StatusOptions& options);

ExitCode reload(const ServerSocket& socket);

struct BuildOptions {
    std::string input;
    std::string output;
    bool skip_bad = false;
};
ExitCode build_recipients(const BuildOptions& options);

struct CheckOptions {
    std::string source;  // as accept.recipients; a path alone may also be that of a table
    std::vector<std::string> addresses;
    std::string delimiters = "+";
};
ExitCode check_recipients(const CheckOptions& options);

}  // namespace ringmx::ctl
