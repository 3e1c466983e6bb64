#include "options.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "records/values.hpp"

namespace ringmx::kafka {
namespace {

constexpr std::size_t topic_octets_max = 249;  // Kafka's own limit

// Settings of the library on which the promise of a 250 rests, or that have an option of their own.
constexpr std::string_view reserved[] = {
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "message.timeout.ms",
    "bootstrap.servers",
    "metadata.broker.list",
    "delivery.timeout.ms",
    "transactional.id",
};

}  // namespace

Settings read_settings(const plugin::Options& options) {
    Settings settings{
        .brokers = {},
        .topic = records::Destination("topic", options.get("topic", "mail"), topic_octets_max),
        .library = options.with_prefix("kafka."),
    };
    for (const std::string& broker : options.all("brokers"))
        settings.brokers += (settings.brokers.empty() ? "" : ",") + broker;
    if (settings.brokers.empty()) throw std::runtime_error("option brokers is missing");
    const std::string key = options.get("key", "id");
    if (key != "id" && key != "domain") throw std::runtime_error("option key is to be id or domain");
    settings.key_is_domain = key == "domain";
    settings.durability = records::durability_option(options).value_or(settings.durability);
    settings.timeout_ms =
        static_cast<std::int64_t>(records::duration_s(options, "timeout", 10, 1, 3600)) * 1000;
    settings.in_flight_max =
        static_cast<std::uint32_t>(options.number("in_flight_max", settings.in_flight_max, 1, 65536));
    settings.in_flight_octets_max = records::size_octets(
        options, "in_flight_octets", settings.in_flight_octets_max, 1u << 20, std::uint64_t{1} << 30);
    for (const auto& [name, value] : settings.library) {
        if (std::find(std::begin(reserved), std::end(reserved), name) != std::end(reserved))
            throw std::runtime_error("option kafka." + name + " cannot be set");
    }
    return settings;
}

}  // namespace ringmx::kafka
