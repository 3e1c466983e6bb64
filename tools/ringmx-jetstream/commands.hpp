// ringmx-jetstream: makes a stream for mail, shows it, and reads mail from it. One function for each command.
#pragma once

#include <cstdint>
#include <string>

#include "jetstream/client.hpp"

namespace ringmx::jetstream {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t request_wait_ms = 5000;  // for the answer to a request

struct CreateOptions {
    std::string stream;
    std::vector<std::string> subjects{"mail.>"};
    std::int64_t replicas = 1;
    std::string storage = "file";
    std::string retention = "limits";
    std::int64_t duplicates_s = 120;
    std::int64_t octets_max = -1;
    std::int64_t wait_s = 30;
};

struct CatOptions {
    std::string stream;
    std::string durable = "ringmx";
    std::string subject;       // empty: every subject of the stream
    std::string maildir;       // empty: standard output
    std::string work;          // folder for chunks, when writing to standard output
    bool raw = false;          // without the lines Return-Path and X-Original-To
    bool until_empty = false;  // end when nothing is left
    std::int64_t ack_wait_s = 30;
    std::int64_t give_up_s = 86400;
};

// Exit codes. Errors are printed to standard error.
int create_stream(const Access& access, const CreateOptions& options);
int show_stream(const Access& access, const std::string& stream, bool sync_always);
int cat_stream(const Access& access, const CatOptions& options);

}  // namespace ringmx::jetstream
