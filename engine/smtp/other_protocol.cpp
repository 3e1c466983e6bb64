#include "smtp/other_protocol.hpp"

#include <algorithm>

namespace ringmx::smtp {

namespace {

constexpr std::byte kTlsHandshake{22};
constexpr std::byte kTlsMajorVersion{3};
constexpr std::string_view kHttpMethods[] = {"GET ",     "POST ",    "HEAD ",  "PUT ",   "DELETE ",
                                             "OPTIONS ", "CONNECT ", "TRACE ", "PATCH ", "PRI "};

}  // namespace

std::string_view other_protocol(Bytes start) {
    if (start.size() >= 2 && start[0] == kTlsHandshake && start[1] == kTlsMajorVersion) return "tls";
    const std::string_view text = as_text(start);
    if (text.starts_with("SSH-")) return "ssh";
    const bool http = std::any_of(std::begin(kHttpMethods), std::end(kHttpMethods),
                                  [text](std::string_view method) { return text.starts_with(method); });
    return http ? "http" : "";
}

}  // namespace ringmx::smtp
