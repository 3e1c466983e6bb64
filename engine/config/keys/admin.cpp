// [admin]: how an operator's program reaches the server.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "admin.socket",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.admin.socket; },
     .word = "none",
     .since = "0.1.0",
     .description =
         "The Unix socket on which the server answers `ringmxctl status`; only its owner may use it."},
};

}  // namespace

std::span<const Key> admin_keys() {
    return kKeys;
}

}  // namespace ringmx::config
