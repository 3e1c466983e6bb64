// ringmx-jetstream.so: storage.backend = "jetstream". docs/backends.md
#include "ringmx/backend.hpp"

#include "options.hpp"
#include "publisher.hpp"

namespace {

using namespace ringmx;

class JetStream final : public plugin::Backend {
 public:
    JetStream(plugin::Host host, const plugin::Options& options)
        : JetStream(host, jetstream::read_settings(options)) {}

    plugin::Durability durability() const override { return publisher_.durability(); }
    std::uint32_t in_flight_max() const override { return in_flight_max_; }
    void submit(std::span<const plugin::Message> messages) override { publisher_.submit(messages); }
    void tick() override { publisher_.tick(); }
    void close() override { publisher_.close(); }

 private:
    JetStream(plugin::Host host, jetstream::Settings settings)
        : in_flight_max_(settings.in_flight_max), publisher_(host, std::move(settings)) {}

    std::uint32_t in_flight_max_;
    jetstream::Publisher publisher_;
};

}  // namespace

RINGMX_BACKEND(JetStream, "jetstream", RINGMX_VERSION)
