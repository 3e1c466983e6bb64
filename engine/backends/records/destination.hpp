// Where a message goes: a NATS subject or a Kafka topic, made from a template such as "mail.{domain}".
//
// What replaces {domain} is one token of letters, digits, '-' and '_', whatever the domain holds, and two
// domains never give the same token: ASCII letters in lower case, digits and '-' stand for themselves, '.' is
// '_', any other octet is 'X' and two hexadecimal digits in upper case; no domain at all is a lone 'X'.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringmx::records {

std::string domain_token(std::string_view domain);

class Destination {
 public:
    // Throws std::runtime_error, which names the option, for a template with anything but letters, digits,
    // '.', '_', '-' and {domain}, or with an empty token. `octets_max` bounds what of() may return.
    Destination(std::string_view option, std::string_view text, std::size_t octets_max);

    // Nothing: the domain makes it too long.
    std::optional<std::string> of(std::string_view domain) const;
    bool fixed() const { return pieces_.size() == 1; }  // the same for every domain
    const std::string& text() const { return text_; }

 private:
    std::string text_;
    std::vector<std::string> pieces_;  // what stands around each {domain}
    std::size_t octets_max_;
};

}  // namespace ringmx::records
