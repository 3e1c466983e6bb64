// [confine]: what the server gives up once it serves.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kConfineModes[] = {"auto", "required", "off"};

constexpr Key kKeys[] = {
    {.name = "confine.mode",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.confine.mode); },
     .choices = kConfineModes,
     .since = "0.2.0",
     .description =
         "What the server gives up once it serves: paths outside its own (Landlock), system calls that it "
         "does not need (seccomp), privileges of programs that it might start. `\"auto\"`: what the kernel "
         "can enforce, and less around a plugin of your own; `\"required\"`: all of it, or no start. "
         "docs/confinement.md."},
    {.name = "confine.user",
     .type = KeyType::account,
     .field = [](Config& c) -> Field { return &c.confine.user; },
     .word = "the one that started the server",
     .since = "0.2.0",
     .description =
         "The user that a server started as root goes on as when its addresses are bound; it needs "
         "write access to the spool, the log and the folder of the status socket."},
    {.name = "confine.group",
     .type = KeyType::account,
     .field = [](Config& c) -> Field { return &c.confine.group; },
     .word = "the user's own",
     .since = "0.2.0",
     .description = "The group beside it."},
    {.name = "confine.read",
     .type = KeyType::paths,
     .field = [](Config& c) -> Field { return &c.confine.read; },
     .since = "0.2.0",
     .description = "Files and folders that a plugin reads, beside those that the configuration names."},
    {.name = "confine.write",
     .type = KeyType::paths,
     .field = [](Config& c) -> Field { return &c.confine.write; },
     .since = "0.2.0",
     .description = "Files and folders that a plugin writes."},
};

}  // namespace

std::span<const Key> confine_keys() {
    return kKeys;
}

}  // namespace ringmx::config
