// [proxy]: who may say which client it is.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "proxy.networks",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.proxy.networks; },
     .since = "0.2.0",
     .description =
         "Networks of proxies: a connection from there must begin with a PROXY protocol header, version 1 or "
         "2, which names the client (docs/proxy.md). From anywhere else the header is not taken."},
    {.name = "proxy.listeners",
     .type = KeyType::endpoints,
     .field = [](Config& c) -> Field { return &c.proxy.listeners; },
     .word = "all of them",
     .since = "0.2.0",
     .description =
         "Which of `server.listen` and `server.listen_tls` are behind these proxies; on the others a peer "
         "from `proxy.networks` is a client like any other."},
    {.name = "proxy.xclient",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.proxy.xclient; },
     .since = "0.2.0",
     .description =
         "Networks of MTAs that may name their clients with XCLIENT; it is announced to them, and anybody "
         "else gets 550 5.7.0 for it."},
};

}  // namespace

std::span<const Key> proxy_keys() {
    return kKeys;
}

}  // namespace ringmx::config
