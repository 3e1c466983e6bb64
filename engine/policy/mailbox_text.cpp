#include "policy/mailbox_text.hpp"

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"
#include "base/peer.hpp"
#include "base/utf8.hpp"

namespace ringmx::policy {

namespace {

constexpr std::size_t kLabelOctetsMax = 63;  // RFC 1035 §2.3.4

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t';
}
constexpr bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

// atext of RFC 5322 §3.2.3, and the dots between atoms.
bool is_atom_text(char c) {
    return is_alnum(c) || c == '.' || (c != '\0' && std::strchr("!#$%&'*+-/=?^_`{|}~", c) != nullptr);
}

// Length of the UTF-8 sequence or the one octet that `allowed` takes at the start of `text`; 0: neither.
template <typename Allowed>
std::size_t step(std::string_view text, Allowed allowed) {
    return allowed(text[0]) ? 1 : utf8_multibyte_length(text);
}

// End of the quoted string that `text` begins with, or npos.
std::size_t quoted_end(std::string_view text) {
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

std::string_view label_problem(std::string_view label) {
    if (label.empty()) return "the domain has an empty label";
    if (label.size() > kLabelOctetsMax) return "the domain has a label of more than 63 octets";
    if (label.front() == '-' || label.back() == '-')
        return "the domain has a label that begins or ends with a hyphen";
    for (std::string_view rest = label; !rest.empty();) {
        const std::size_t length = step(rest, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
        if (length == 0) return "the domain has a character that no domain has";
        rest.remove_prefix(length);
    }
    return {};
}

std::string_view local_part_problem(std::string_view local_part) {
    const bool quoted = local_part.front() == '"';
    if (!quoted && (local_part.front() == '.' || local_part.back() == '.' ||
                    local_part.find("..") != std::string_view::npos)) {
        return "the local part has a dot at an end or two in a row";
    }
    for (std::string_view rest = local_part; !rest.empty();) {
        const std::size_t length =
            step(rest, [quoted](char c) { return quoted ? c >= ' ' && c < 0x7f : is_atom_text(c); });
        if (length == 0) return "the local part has a character that must be quoted or is not UTF-8";
        rest.remove_prefix(length);
    }
    return {};
}

}  // namespace

bool ShortText::append(std::string_view text) {
    if (text.size() > room_.size() - size_) return false;
    std::copy(text.begin(), text.end(), room_.data() + size_);
    size_ += text.size();
    return true;
}

bool ShortText::append_lower(std::string_view text) {
    if (text.size() > room_.size() - size_) return false;
    std::transform(text.begin(), text.end(), room_.data() + size_, lower);
    size_ += text.size();
    return true;
}

bool append_domain(ShortText& to, std::string_view domain) {
    if (const auto address = PeerAddress::parse_literal(domain)) {
        std::array<char, 48> buffer;
        return to.append("[") && to.append_lower(address->format_literal(buffer)) && to.append("]");
    }
    return to.append_lower(domain);
}

bool append_local_part(ShortText& to, std::string_view local_part) {
    if (local_part.size() < 2 || local_part.front() != '"' || local_part.back() != '"') {
        return to.append_lower(local_part);
    }
    const std::string_view inner = local_part.substr(1, local_part.size() - 2);
    for (std::size_t at = 0; at < inner.size(); ++at) {
        if (inner[at] == '\\' && at + 1 < inner.size()) ++at;
        if (!to.append_lower(inner.substr(at, 1))) return false;
    }
    return true;
}

std::string_view domain_problem(std::string_view domain) {
    if (domain.empty()) return "the domain is empty";
    if (domain.size() > limits::domain_octets_min) return "the domain has more than 255 octets";
    if (domain.front() == '[') {
        return PeerAddress::parse_literal(domain) ? std::string_view{}
                                                  : "the address literal is not one of IPv4 or IPv6";
    }
    for (std::size_t begin = 0; begin <= domain.size();) {
        const std::size_t end = std::min(domain.find('.', begin), domain.size());
        const std::string_view problem = label_problem(domain.substr(begin, end - begin));
        if (!problem.empty()) return problem;
        begin = end + 1;
    }
    return {};
}

std::optional<MailboxText> split_mailbox(std::string_view text, std::string_view& problem) {
    std::size_t local_end = 0;
    if (text.front() == '"') {
        local_end = quoted_end(text);
        if (local_end == std::string_view::npos) {
            problem = "the quoted local part is not closed";
            return std::nullopt;
        }
    } else {
        while (local_end < text.size() && text[local_end] != '@' && !is_blank(text[local_end]))
            ++local_end;
    }
    if (local_end == text.size() || text[local_end] != '@') {
        problem = "not an address: there is no \"@\"";
        return std::nullopt;
    }
    std::size_t end = local_end + 1;
    while (end < text.size() && !is_blank(text[end]))
        ++end;

    const MailboxText mailbox{text.substr(0, local_end), text.substr(local_end + 1, end - local_end - 1),
                              text.substr(end)};
    problem = domain_problem(mailbox.domain);
    if (problem.empty() && !mailbox.local_part.empty()) problem = local_part_problem(mailbox.local_part);
    if (!problem.empty()) return std::nullopt;
    return mailbox;
}

}  // namespace ringmx::policy
