#include "storage/delivery/target.hpp"

#include <utility>

namespace ringmx::storage::delivery {
namespace {

class InstanceTarget final : public Target {
 public:
    explicit InstanceTarget(std::unique_ptr<plugin::Instance> instance) : instance_(std::move(instance)) {}

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
    std::unique_ptr<plugin::Instance> instance_;
};

}  // namespace

std::unique_ptr<Target> make_target(std::unique_ptr<plugin::Instance> instance) {
    return std::make_unique<InstanceTarget>(std::move(instance));
}

}  // namespace ringmx::storage::delivery
