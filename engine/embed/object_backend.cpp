#include "embed/object_backend.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string_view>

namespace ringmx::embed {

namespace {

// open() gets nothing but options, so the factory's address travels as the first one, whose name no
// configuration can give; behind it are those of the configuration.
constexpr const char* kFactory = "";

const BackendFactory& factory_of(const ringmx_option& first) {
    const std::string_view text = first.value;
    std::uintptr_t address = 0;
    std::from_chars(text.data(), text.data() + text.size(), address);
    return *reinterpret_cast<const BackendFactory*>(address);
}

const ringmx_option* next(const ringmx_option* option) {
    return reinterpret_cast<const ringmx_option*>(reinterpret_cast<const char*>(option) + option->size);
}

int open(const ringmx_host* host, const ringmx_option* options, std::uint32_t count,
         ringmx_instance* instance, char* error, std::size_t error_octets) noexcept {
    try {
        const plugin::Options given(next(options), count - 1);
        std::unique_ptr<plugin::Backend> made = factory_of(*options)(plugin::Host(host), given);
        if (made == nullptr) throw std::runtime_error("the backend's factory made none");
        given.check_all_used();
        instance->durability = made->durability();
        instance->in_flight_max = made->in_flight_max();
        instance->self = made.release();
        return 0;
    } catch (const std::exception& thrown) {
        const std::string_view what = thrown.what();
        const std::size_t octets = std::min(what.size(), error_octets - 1);
        std::memcpy(error, what.data(), octets);
        error[octets] = '\0';
        return 1;
    }
}

// By name, and never freed: a worker whose backend does not end refers to its description until the process
// ends.
const ringmx_backend* description_of(const std::string& name) {
    static std::mutex mutex;
    static auto* const known = new std::map<std::string, ringmx_backend, std::less<>>;
    const std::lock_guard lock(mutex);
    const auto [at, is_new] = known->try_emplace(name);
    if (is_new) {
        at->second = {
            sizeof(ringmx_backend), RINGMX_BACKEND_ABI,    at->first.c_str(),    RINGMX_VERSION,       open,
            plugin::detail::submit, plugin::detail::flush, plugin::detail::tick, plugin::detail::close};
    }
    return &at->second;
}

}  // namespace

server::LinkedBackend describe(const std::string& name, const BackendFactory& factory) {
    return {description_of(name), {{kFactory, std::to_string(reinterpret_cast<std::uintptr_t>(&factory))}}};
}

}  // namespace ringmx::embed
