#include "storage/delivery/target.hpp"

#include <utility>

namespace ringmx::storage::delivery {
namespace {

class InstanceTarget final : public Target {
 public:
    InstanceTarget(std::unique_ptr<plugin::Instance> instance, std::shared_ptr<plugin::Totals> totals,
                   std::shared_ptr<plugin::Services> services)
        : services_(std::move(services)), instance_(std::move(instance)), totals_(std::move(totals)) {
        if (totals_ != nullptr) totals_->add(*instance_);
    }
    ~InstanceTarget() override {
        if (totals_ != nullptr) totals_->remove(*instance_);
    }
    InstanceTarget(const InstanceTarget&) = delete;
    InstanceTarget& operator=(const InstanceTarget&) = delete;

    std::string_view name() const override { return instance_->name(); }
    Durability durability() const override { return instance_->durability(); }
    std::size_t submit(std::span<const plugin::Submission> batch) override {
        return instance_->submit(batch);
    }
    void flush() override { instance_->flush(); }
    void tick() override { instance_->tick(); }
    void take(const std::function<void(const plugin::Completion&)>& each) override { instance_->take(each); }
    void close() override { instance_->close(); }

 private:
    std::shared_ptr<plugin::Services> services_;
    std::unique_ptr<plugin::Instance> instance_;
    std::shared_ptr<plugin::Totals> totals_;
};

}  // namespace

std::unique_ptr<Target> make_target(std::unique_ptr<plugin::Instance> instance,
                                    std::shared_ptr<plugin::Totals> totals,
                                    std::shared_ptr<plugin::Services> services) {
    return std::make_unique<InstanceTarget>(std::move(instance), std::move(totals), std::move(services));
}

}  // namespace ringmx::storage::delivery
