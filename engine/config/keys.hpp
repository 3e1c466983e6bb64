// The table of configuration keys, a file in keys/ for each section: one entry gives a key's name, type,
// default, limits, the version that brought it, its description and the field it sets. Loading, error
// messages, `ringmx check --print-keys` and the table in docs/configuration.md all come from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace ringmx::config {

enum class KeyType : std::uint8_t {
    hostname,      // a domain name
    account,       // a user's or group's name
    recipients,    // where recipients are looked up: a path, or a kind and what belongs to it
    characters,    // a string of at most `most` visible ASCII characters
    path,          // a file or folder; a relative one is relative to the configuration file's folder
    boolean,       // true or false
    count,         // a whole number, or the key's `word`, which stands for 0
    size,          // octets: a whole number or "64KiB"
    duration,      // seconds: a whole number or "5m"
    choice,        // one of `choices`
    paths,         // an array of paths
    headers,       // an array of header fields of HTTP, "Name: value"
    endpoints,     // an array of "ADDRESS:PORT"; `least` of them
    domains,       // an array of domain names
    networks,      // an array of networks in CIDR notation
    certificates,  // an array of { chain = "...", key = "...", names = ["..."] }
    exceptions,    // an array of { network = "...", mode = "..." }
    options,       // a table that somebody else understands: strings, numbers, booleans and arrays of them
};

// A configuration field of an enumeration, seen as the position of its value in the key's `choices`.
struct ChoiceField {
    std::uint8_t* value;
};

using Field = std::variant<std::string*, bool*, std::uint32_t*, std::uint64_t*, ChoiceField,
                           std::vector<std::string>*, std::vector<BareNewlineException>*,
                           std::vector<Network>*, std::vector<CertificateFiles>*, OptionList*>;

struct Key {
    std::string_view name;  // "section.key"
    KeyType type;
    Field (*field)(Config&);
    std::uint64_t least = 0;  // count, size, duration: the limits; text and path: the least length
    std::uint64_t most = 0;   // 0: none
    std::string_view word{};  // count: the word for 0 ("all"); any other type: what an absent key means
    std::span<const std::string_view> choices{};
    std::string_view since;
    std::string_view description;
};

std::span<const Key> keys();
const Key* find_key(std::string_view name);
// "server", "accept", ..., "storage.spool": every section that has keys.
std::span<const std::string_view> sections();

std::span<const std::string_view> bare_newline_modes();

// What a value of this key may be, as the end of a sentence: "a size from 32MiB to 16TiB".
std::string describe_allowed(const Key& key);
// A configuration's value of this key as it is written in TOML.
std::string value_text(const Key& key, const Config& config);
// The default as it is written in TOML, or in words where an absent key means something that no value says.
std::string default_text(const Key& key);

// The sections with their keys as Markdown tables: what docs/configuration.md holds between its markers.
std::string markdown_tables();

}  // namespace ringmx::config
