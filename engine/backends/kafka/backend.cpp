// ringmx-kafka.so: storage.backend = "kafka". docs/backends.md
#include "ringmx/backend.hpp"

#include "options.hpp"
#include "sender.hpp"

namespace {

using namespace ringmx;

class Kafka final : public plugin::Backend {
 public:
    Kafka(plugin::Host host, const plugin::Options& options) : Kafka(host, kafka::read_settings(options)) {}

    plugin::Durability durability() const override { return sender_.durability(); }
    std::uint32_t in_flight_max() const override { return in_flight_max_; }
    void submit(std::span<const plugin::Message> messages) override { sender_.submit(messages); }
    void tick() override { sender_.tick(); }
    void close() override { sender_.close(); }

 private:
    Kafka(plugin::Host host, kafka::Settings settings)
        : in_flight_max_(settings.in_flight_max), sender_(host, std::move(settings)) {}

    std::uint32_t in_flight_max_;
    kafka::Sender sender_;
};

}  // namespace

RINGMX_BACKEND(Kafka, "kafka", RINGMX_VERSION)
