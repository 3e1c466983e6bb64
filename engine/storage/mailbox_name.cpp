#include "storage/mailbox_name.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/peer.hpp"
#include "base/utf8.hpp"
#include "digest/sha256.hpp"

namespace ringmx::storage {
namespace {

constexpr std::string_view kHashMark = "%h";  // no encoded octet: those have digits and capitals
constexpr std::size_t kHashOctets = kHashMark.size() + 64;
static_assert(limits::maildir_value_octets_min > kHashOctets);

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
    std::string low(text);
    std::transform(low.begin(), low.end(), low.begin(), lower);
    return low;
}

// The octets of the local part that `path` begins with.
std::size_t local_part_end(std::string_view path) {
    if (!path.starts_with('"')) return std::min(path.find('@'), path.size());
    for (std::size_t at = 1; at < path.size(); ++at) {
        if (path[at] == '\\') {
            ++at;
        } else if (path[at] == '"') {
            return std::min(path.find('@', at), path.size());
        }
    }
    return path.size();
}

std::string unquoted(std::string_view local) {
    if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
    const std::string_view inner = local.substr(1, local.size() - 2);
    std::string text;
    for (std::size_t at = 0; at < inner.size(); ++at) {
        if (inner[at] == '\\' && at + 1 < inner.size()) ++at;
        text += inner[at];
    }
    return text;
}

std::string canonical_domain(std::string_view domain) {
    const auto address = PeerAddress::parse_literal(domain);
    if (!address) return lowered(domain);
    std::array<char, 48> buffer;
    return lowered("[" + std::string(address->format_literal(buffer)) + "]");
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::strchr("-_+=.", c) != nullptr);
}

// Octets at the start of `text` that stand for themselves; 0: the first is to be encoded.
std::size_t plain_octets(std::string_view text, bool at_start) {
    if (at_start && text.front() == '.') return 0;
    if (is_plain(text.front())) return 1;
    const std::size_t length = utf8_multibyte_length(text);
    const bool control = length == 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
    return control ? 0 : length;  // U+0080 to U+009F are the C1 controls
}

}  // namespace

Mailbox mailbox_of(std::string_view forward_path, std::string_view hostname) {
    const std::size_t end = local_part_end(forward_path);
    const std::string_view domain =
        end < forward_path.size() ? forward_path.substr(end + 1) : std::string_view{};
    return {lowered(unquoted(forward_path.substr(0, end))),
            canonical_domain(domain.empty() ? hostname : domain)};
}

std::string encode_name(std::string_view value, std::size_t octets_max) {
    RMX_ASSERT(octets_max >= limits::maildir_value_octets_min);
    if (value.empty()) return "%";
    std::string name;
    std::size_t cut = 0;  // where a hash may follow: the end of a whole character
    for (std::string_view rest = value; !rest.empty();) {
        const std::size_t plain = plain_octets(rest, name.empty());
        if (plain == 0) {
            const auto octet = static_cast<unsigned char>(rest.front());
            name += {'%', "0123456789ABCDEF"[octet >> 4], "0123456789ABCDEF"[octet & 0xf]};
        } else {
            name += rest.substr(0, plain);
        }
        rest.remove_prefix(std::max<std::size_t>(plain, 1));
        if (name.size() <= octets_max - kHashOctets) cut = name.size();
    }
    if (name.size() <= octets_max) return name;
    return name.substr(0, cut).append(kHashMark).append(sha256_hex(value));
}

std::string mailbox_path(const PathTemplate& path, const Mailbox& mailbox) {
    std::string made;
    for (const TemplateComponent& component : path.components) {
        if (!made.empty()) made += '/';
        for (const TemplatePiece& piece : component.pieces) {
            switch (piece.placeholder) {
                case Placeholder::none:
                    made += piece.text;
                    break;
                case Placeholder::domain:
                    made += encode_name(mailbox.domain, component.value_octets_max);
                    break;
                case Placeholder::local:
                    made += encode_name(mailbox.local, component.value_octets_max);
                    break;
            }
        }
    }
    return made;
}

}  // namespace ringmx::storage
