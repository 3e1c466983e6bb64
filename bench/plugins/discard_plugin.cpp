// A storage plugin that keeps nothing and answers at once: what is left is what the plugin interface itself
// costs.
#include <span>

#include "ringmx/backend.hpp"

using namespace ringmx::plugin;

class Discard final : public Backend {
 public:
    Discard(Host host, const Options&) : host_(host) {}

    Durability durability() const override { return RINGMX_DURABLE_NONE; }

    void submit(std::span<const Message> messages) override {
        for (const Message& message : messages)
            host_.stored(message.token());
    }

 private:
    Host host_;
};

RINGMX_BACKEND(Discard, "discard", "1.0")
