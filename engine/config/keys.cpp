#include "config/keys.hpp"

#include <algorithm>

#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

std::vector<Key> all_keys() {
    std::vector<Key> all;
    for (const std::span<const Key> group :
         {server_keys(), accept_keys(), smtp_keys(), tls_keys(), proxy_keys(), timeouts_keys(), limits_keys(),
          edge_keys(), stress_keys(), storage_keys(), confine_keys(), log_keys(), admin_keys()})
        all.insert(all.end(), group.begin(), group.end());
    return all;
}

// A section stands where its first key does.
std::vector<std::string_view> all_sections() {
    std::vector<std::string_view> all;
    for (const Key& key : keys()) {
        const std::string_view section = key.name.substr(0, key.name.rfind('.'));
        if (std::find(all.begin(), all.end(), section) == all.end()) all.push_back(section);
    }
    return all;
}

}  // namespace

// The order of the sections and keys here is their order in the documentation.
std::span<const Key> keys() {
    static const std::vector<Key> all = all_keys();
    return all;
}

std::span<const std::string_view> sections() {
    static const std::vector<std::string_view> all = all_sections();
    return all;
}

const Key* find_key(std::string_view name) {
    const auto all = keys();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Key& key) { return key.name == name; });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace ringmx::config
