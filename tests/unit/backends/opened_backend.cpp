#include "opened_backend.hpp"

#include <array>
#include <stdexcept>

#include <dlfcn.h>

namespace ringmx::testing {

OpenedBackend::OpenedBackend(const std::string& path, const OptionList& options) {
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<ringmx_backend_entry_function>(dlsym(library, RINGMX_BACKEND_SYMBOL));
    if (entry == nullptr) throw std::runtime_error("no entry");
    backend_ = entry();
    std::vector<ringmx_option> raw;
    for (const auto& [name, value] : options)
        raw.push_back({sizeof(ringmx_option), 0, name.c_str(), value.c_str()});
    instance_.size = sizeof instance_;
    std::array<char, 256> error{};
    open_ = backend_->open(host_.raw(), raw.data(), static_cast<std::uint32_t>(raw.size()), &instance_,
                           error.data(), error.size()) == 0;
    if (!open_) error_ = error.data();
}

OpenedBackend::~OpenedBackend() {
    close();
}

void OpenedBackend::submit(std::unique_ptr<SampleMessage> message) {
    const std::uint64_t number = message->raw().token;
    const ringmx_message* const raw = &message->raw();
    in_flight_[number] = std::move(message);
    backend_->submit(instance_.self, &raw, 1);
    if (backend_->flush != nullptr) backend_->flush(instance_.self);
}

void OpenedBackend::take() {
    for (const driver::Completed& completed : host_.take(std::chrono::milliseconds(20))) {
        if (in_flight_.erase(completed.token) == 0) ++false_completions_;
        outcomes_[completed.token] = {completed.status, completed.text};
    }
}

bool OpenedBackend::wait(const std::function<bool()>& enough) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!enough()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        backend_->tick(instance_.self);
        take();
    }
    return true;
}

void OpenedBackend::close() {
    if (!open_) return;
    open_ = false;
    backend_->close(instance_.self);
    take();
}

}  // namespace ringmx::testing
