// The backend that keeps nothing: for measuring everything else. Durability none.
#pragma once

#include "storage/backend.hpp"

namespace ringmx::storage {

class DiscardBackend final : public Backend {
 public:
    explicit DiscardBackend(StoreSink& sink) : sink_(sink) {}

    BackendTraits traits() const override { return {"discard", Durability::none, true, false}; }
    void submit(std::span<const StoreRequest> batch) override;  // reports everything at once
    void flush() override {}
    void tick(Now) override {}
    bool accepting() const override { return true; }
    void close() override {}
    std::uint64_t outstanding() const override { return 0; }
    const BackendCounters& counters() const override { return counters_; }

 private:
    StoreSink& sink_;
    BackendCounters counters_;
};

}  // namespace ringmx::storage
