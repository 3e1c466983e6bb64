// [storage]: where messages are kept; [storage.*]: each backend, and delivery from the spool.
#include "base/limits.hpp"
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kBackends[] = {"spool", "maildir", "discard",   "plugin",
                                          "lmtp",  "http",    "jetstream", "kafka"};
constexpr std::string_view kDelivers[] = {"none", "plugin", "lmtp", "http", "jetstream", "kafka"};
constexpr std::string_view kFallbacks[] = {"none", "spool"};
constexpr std::string_view kHosts[] = {"auto", "core", "worker"};
constexpr std::string_view kDurabilities[] = {"none", "process", "machine", "replicated"};

constexpr Key kKeys[] = {
    {.name = "storage.backend",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.backend); },
     .choices = kBackends,
     .since = "0.1.0",
     .description =
         "Where messages are kept: in the spool, in a Maildir, or nowhere at all (`discard`, for "
         "measurements); or who keeps them: a plugin, yours (`plugin`) or one that comes with ringmx."},
    {.name = "storage.durability",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.durability); },
     .word = "what the backend gives",
     .choices = kDurabilities,
     .since = "0.1.0",
     .description =
         "The least that a 250 must mean: nothing, or that the message survives the end of the process, a "
         "power cut, the loss of the machine. A backend that gives less is an error. The spool and the "
         "Maildir give `machine`, discard gives `none`; a plugin says what it gives when it is opened."},
    {.name = "storage.host",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.host); },
     .choices = kHosts,
     .since = "0.1.0",
     .description = "Where the backend runs: on each core's own thread, or on worker threads behind a queue; "
                    "`\"auto\"`: what suits the backend."},
    {.name = "storage.workers",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.storage.workers; },
     .least = 1,
     .most = kCoresMax,
     .since = "0.1.0",
     .description = "How many worker threads serve storage when it runs on workers; a plugin has as many "
                    "instances."},
    {.name = "storage.queue",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.storage.queue; },
     .least = 1,
     .most = limits::store_queue_entries,
     .since = "0.2.0",
     .description =
         "How many messages of a core may be at a storage worker; while there are so many, new mail "
         "is refused with 452 4.3.1."},

    {.name = "storage.deliver",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.deliver); },
     .choices = kDelivers,
     .since = "0.2.0",
     .description =
         "With `backend = \"spool\"`: the plugin that what is in the spool is delivered to, as it comes "
         "(docs/storage.md). A 250 means what the spool gives."},
    {.name = "storage.fallback",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.fallback); },
     .choices = kFallbacks,
     .since = "0.2.0",
     .description =
         "With a plugin as the backend: where a message goes that it does not keep at once. `spool`: it is "
         "kept in the spool, acknowledged, and delivered to the backend later (docs/storage.md)."},
    {.name = "storage.fallback_after",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.fallback_after_s; },
     .least = 1,
     .most = 600,
     .since = "0.2.0",
     .description = "How long the backend may take for a message before the fallback gets it."},

    {.name = "storage.delivery.backoff_least",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.backoff_least_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description =
         "How long a message waits that was answered retry; after each further one twice as long, a quarter "
         "more or less. Also the pause between attempts at a backend that is away, with a fallback."},
    {.name = "storage.delivery.backoff_most",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.backoff_most_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "The longest wait of that kind."},
    {.name = "storage.delivery.max_age",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.age_max_s; },
     .most = 365 * kDayS,
     .since = "0.2.0",
     .description =
         "A message that is answered retry when it is older becomes a dead letter; `\"0s\"`: none does."},
    {.name = "storage.delivery.hold",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.hold_s; },
     .most = 365 * kDayS,
     .since = "0.2.0",
     .description =
         "How long a message that is answered retry, while the backend takes others, holds back later ones "
         "of its domains, so that they arrive in order; `\"0s\"`: not at all."},
    {.name = "storage.delivery.window",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.delivery.window_bytes; },
     .least = 64 * KiB,
     .most = 64 * GiB,
     .since = "0.2.0",
     .description =
         "The most octets of messages that are being delivered at a time; with a fallback, also of those "
         "that are being tried by each worker. At least `smtp.message_size`; part of `server.memory`."},

    {.name = "storage.spool.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.spool.path; },
     .least = 1,
     .since = "0.1.0",
     .description = "The spool's folder. One server at a time may use it."},
    {.name = "storage.spool.segment_size",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.spool.segment_bytes; },
     .least = limits::spool_segment_bytes_min,
     .most = limits::spool_segment_bytes_max,
     .since = "0.1.0",
     .description = "The size of one segment file: a whole number of 64KiB."},
    {.name = "storage.spool.min_free",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.spool.min_free_bytes; },
     .most = 16 * TiB,
     .since = "0.1.0",
     .description =
         "With less free space than this on the spool's file system, mail is refused with 452 4.3.1."},
    {.name = "storage.spool.require_direct_io",
     .type = KeyType::boolean,
     .field = [](Config& c) -> Field { return &c.storage.spool.direct_io_required; },
     .since = "0.1.0",
     .description =
         "Whether a file system without O_DIRECT is an error; `false`: there the spool writes through the "
         "page cache and syncs with fdatasync."},

    {.name = "storage.maildir.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.maildir.path; },
     .least = 1,
     .since = "0.1.0",
     .description =
         "The Maildir, with its folders `tmp`, `new` and `cur`. With `{domain}` or `{local}` in it, as in "
         "`/var/mail/{domain}/{local}/Maildir`, each recipient has one; the folders before the first "
         "placeholder must exist."},
    {.name = "storage.maildir.min_free",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.maildir.min_free_bytes; },
     .most = 16 * TiB,
     .since = "0.1.0",
     .description =
         "With less free space than this on the Maildir's file system, mail is refused with 452 4.3.1."},

    {.name = "storage.plugin.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.plugin.path; },
     .word = "none",
     .since = "0.2.0",
     .description = "The plugin of `backend = \"plugin\"`: a shared object with the interface of "
                    "`ringmx/backend.h` (docs/plugins.md)."},
    {.name = "storage.plugin.options",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.plugin.options; },
     .since = "0.2.0",
     .description = "What that plugin is opened with; which names it knows is for the plugin to say."},

    {.name = "storage.lmtp",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.lmtp; },
     .since = "0.2.0",
     .description = "The options of `backend = \"lmtp\"`."},
    {.name = "storage.http",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.http; },
     .since = "0.2.0",
     .description = "The options of `backend = \"http\"`."},
    {.name = "storage.jetstream",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.jetstream; },
     .since = "0.2.0",
     .description = "The options of `backend = \"jetstream\"`."},
    {.name = "storage.kafka",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.kafka; },
     .since = "0.2.0",
     .description = "The options of `backend = \"kafka\"`."},
};

}  // namespace

std::span<const Key> storage_keys() {
    return kKeys;
}

}  // namespace ringmx::config
