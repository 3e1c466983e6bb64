#include "destination.hpp"

#include <algorithm>
#include <stdexcept>

namespace ringmx::records {
namespace {

constexpr std::string_view placeholder = "{domain}";

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

[[noreturn]] void refuse(std::string_view option, std::string_view text, const char* why) {
    throw std::runtime_error("option " + std::string(option) + ": \"" + std::string(text) + "\" " + why);
}

}  // namespace

std::string domain_token(std::string_view domain) {
    static constexpr char digits[] = "0123456789ABCDEF";
    if (domain.empty()) return "X";
    std::string token;
    token.reserve(domain.size());
    for (const char c : domain) {
        if (c >= 'A' && c <= 'Z') {
            token += static_cast<char>(c - 'A' + 'a');
        } else if (is_letter_or_digit(c) || c == '-') {
            token += c;
        } else if (c == '.') {
            token += '_';
        } else {
            const auto octet = static_cast<unsigned char>(c);
            token += 'X';
            token += digits[octet >> 4];
            token += digits[octet & 0xf];
        }
    }
    return token;
}

Destination::Destination(std::string_view option, std::string_view text, std::size_t octets_max)
    : text_(text), octets_max_(octets_max) {
    std::string sample;  // with a token in place of each {domain}, to look at the whole
    std::string_view rest = text;
    for (;;) {
        const std::size_t at = rest.find(placeholder);
        pieces_.emplace_back(rest.substr(0, at));
        sample += pieces_.back();
        if (at == std::string_view::npos) break;
        sample += 'X';
        rest.remove_prefix(at + placeholder.size());
    }
    const bool allowed = std::all_of(sample.begin(), sample.end(), [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    });
    if (!allowed) refuse(option, text, "may hold letters, digits, '.', '_', '-' and {domain}");
    if (sample.empty() || sample.front() == '.' || sample.back() == '.' ||
        sample.find("..") != std::string::npos) {
        refuse(option, text, "has an empty token");
    }
    if (sample.size() > octets_max) refuse(option, text, "is too long");
}

std::optional<std::string> Destination::of(std::string_view domain) const {
    std::string made = pieces_.front();
    if (pieces_.size() > 1) {
        const std::string token = domain_token(domain);
        for (std::size_t i = 1; i < pieces_.size(); ++i)
            made.append(token).append(pieces_[i]);
    }
    if (made.size() > octets_max_) return std::nullopt;
    return made;
}

}  // namespace ringmx::records
