// Puts one value into a configuration, checked against its key's type and limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/keys.hpp"

namespace ringmx::config {

// An element of smtp.bare_newline_exceptions as it was written.
struct ExceptionText {
    std::string network;
    std::string mode;
};

// Elements of tls.certificates as they were written; paths are not yet relative to anything.
using CertificateTexts = std::vector<CertificateFiles>;

// A TOML value as far as keys use them; monostate is any other (a float, a date, a mixed array).
using Value = std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<std::string>,
                           std::vector<ExceptionText>, CertificateTexts, OptionList>;

// Sets the field of `key`; or returns what is wrong, naming what is allowed: "\"1KB\" is not allowed; give a
// size ...".
std::optional<std::string> set_value(const Key& key, const Value& value, Config& config);

// A domain name as a configuration may hold it: labels of letters, digits, '-', '_' and non-ASCII UTF-8
// octets.
bool is_domain_name(std::string_view text);

}  // namespace ringmx::config
