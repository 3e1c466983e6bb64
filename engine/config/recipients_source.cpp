#include "config/recipients_source.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/url_template.hpp"
#include "config/config.hpp"

namespace ringmx::config {

namespace {

using Kind = RecipientsSource::Kind;

constexpr std::size_t kMapOctetsMax = 255;

bool is_kind_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// What stands before the first colon if it looks like the name of a kind; a path that does is "file:" first.
std::string_view kind_of(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return {};
    const std::string_view word = text.substr(0, colon);
    return std::all_of(word.begin(), word.end(), is_kind_letter) ? word : std::string_view{};
}

bool is_map_name(std::string_view name) {
    return !name.empty() && name.size() <= kMapOctetsMax &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<RecipientsSource> parse_socketmap(std::string_view text) {
    const Error problem{
        EINVAL, "a socketmap is \"socketmap:unix:/path:name\" or \"socketmap:inet:127.0.0.1:port:name\""};
    RecipientsSource source;
    source.kind = Kind::socketmap;
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || !is_map_name(text.substr(colon + 1))) return problem;
    source.map = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (text.starts_with("unix:")) {
        source.path = text.substr(5);
        if (source.path.empty()) return problem;
        return source;
    }
    if (!text.starts_with("inet:")) return problem;
    std::string endpoint(text.substr(5));
    if (endpoint.starts_with("localhost:")) endpoint.replace(0, 9, "127.0.0.1");
    const auto address = parse_endpoint(endpoint);
    if (!address) return problem;
    source.address = *address;
    return source;
}

Result<RecipientsSource> parse_http(std::string_view text) {
    if (const auto url = UrlTemplate::parse(text); !url) return url.error();
    RecipientsSource source;
    source.kind = Kind::http;
    source.url = text;
    return source;
}

}  // namespace

Result<RecipientsSource> parse_recipients(std::string_view text) {
    if (text.empty()) return RecipientsSource{};
    const std::string_view word = kind_of(text);
    const std::string_view rest = word.empty() ? text : text.substr(word.size() + 1);
    if (word == "socketmap") return parse_socketmap(rest);
    if (word == "http" || word == "https") return parse_http(text);
    RecipientsSource source;
    source.kind = word == "table" ? Kind::table : word == "lmdb" ? Kind::lmdb : Kind::file;
    if (source.kind == Kind::file && !word.empty() && word != "file") {
        return Error{EINVAL, "there is no kind \"" + std::string(word) +
                                 "\"; the kinds are file, table, lmdb, socketmap, http and https"};
    }
    if (rest.empty()) return Error{EINVAL, "there is no path behind \"" + std::string(word) + ":\""};
    source.path = rest;
    return source;
}

std::string to_text(const RecipientsSource& source) {
    switch (source.kind) {
        case Kind::everybody:
            return {};
        case Kind::file:
            return kind_of(source.path).empty() ? source.path : "file:" + source.path;
        case Kind::table:
            return "table:" + source.path;
        case Kind::lmdb:
            return "lmdb:" + source.path;
        case Kind::http:
            return source.url;
        case Kind::socketmap:
            break;
    }
    if (!source.path.empty()) return "socketmap:unix:" + source.path + ":" + source.map;
    std::array<char, 48> buffer;
    std::string host(source.address.format(buffer));
    if (source.address.family == PeerAddress::Family::ipv6) host = "[" + host + "]";
    return "socketmap:inet:" + host + ":" + std::to_string(source.address.port) + ":" + source.map;
}

}  // namespace ringmx::config
