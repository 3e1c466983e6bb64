#include "base/url_template.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace ringmx {

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_unreserved(char c) {
    return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// "mx.example.com", "192.0.2.1", "[2001:db8::1]".
bool is_host(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        return std::all_of(host.begin(), host.end(),
                           [](char c) { return is_letter_or_digit(c) || c == ':' || c == '.'; });
    }
    return !host.empty() && std::all_of(host.begin(), host.end(), is_unreserved);
}

bool is_port(std::string_view digits) {
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, port);
    return error == std::errc{} && stop == end && port != 0;
}

Error problem(std::string text) {
    return Error{EINVAL, std::move(text)};
}

}  // namespace

void append_percent_encoded(std::string& to, std::string_view octets) {
    constexpr char hex[] = "0123456789ABCDEF";
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        if (is_unreserved(c)) {
            to += c;
        } else {
            to.append({'%', hex[octet >> 4], hex[octet & 15]});
        }
    }
}

Result<UrlTemplate> UrlTemplate::parse(std::string_view url) {
    UrlTemplate made;
    made.text_ = url;
    const bool visible = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!visible) return problem("a URL is of visible ASCII characters; write others as %XX");
    if (url.find('#') != std::string_view::npos) return problem("a service's URL has no \"#\"");
    if (Status origin = made.read_origin(url); !origin) return origin.error();
    if (Status pieces = made.read_pieces(url.substr(made.origin_.size())); !pieces) return pieces.error();
    if (!made.has(Part::recipient) && !made.has(Part::local))
        return problem("a URL needs {recipient}, or {local} and {domain}, where the address is put in");
    return made;
}

Status UrlTemplate::read_origin(std::string_view url) {
    const std::string_view scheme = url.starts_with("https://")  ? "https://"
                                    : url.starts_with("http://") ? "http://"
                                                                 : "";
    if (scheme.empty()) return problem("a URL begins with \"http://\" or \"https://\"");
    const std::size_t end = std::min(url.find_first_of("/?", scheme.size()), url.size());
    const std::string_view authority = url.substr(scheme.size(), end - scheme.size());
    if (authority.find('@') != std::string_view::npos)
        return problem("a URL holds no password: give accept.http.headers or bearer_token_file");
    if (authority.find('{') != std::string_view::npos)
        return problem("a placeholder stands behind the host, in the path or in the query");
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    if (!is_host(authority.substr(0, has_port ? colon : authority.size())))
        return problem("behind \"" + std::string(scheme) + "\" there is no host");
    if (has_port && !is_port(authority.substr(colon + 1))) return problem("its port is none");
    origin_ = url.substr(0, end);
    return ok_status();
}

Status UrlTemplate::read_pieces(std::string_view rest) {
    while (!rest.empty()) {
        const std::size_t open = std::min(rest.find_first_of("{}"), rest.size());
        if (open > 0) pieces_.push_back({Part::text, std::string(rest.substr(0, open))});
        rest.remove_prefix(open);
        if (rest.empty()) break;
        const std::size_t close = rest.find('}');
        const std::string name(rest.substr(0, close == std::string_view::npos ? close : close + 1));
        Piece piece;
        if (name == "{recipient}") piece.part = Part::recipient;
        if (name == "{local}") piece.part = Part::local;
        if (name == "{domain}") piece.part = Part::domain;
        if (piece.part == Part::text)
            return problem("\"" + name + "\" is no placeholder; there are {recipient}, {local} and {domain}");
        rest.remove_prefix(name.size());
        pieces_.push_back(std::move(piece));
    }
    return ok_status();
}

bool UrlTemplate::has(Part part) const {
    return std::any_of(pieces_.begin(), pieces_.end(),
                       [part](const Piece& piece) { return piece.part == part; });
}

std::string UrlTemplate::expand(std::string_view local_part, std::string_view domain) const {
    if (has(Part::local) && (local_part == "." || local_part == "..")) return {};
    std::string url = origin_;
    for (const Piece& piece : pieces_) {
        switch (piece.part) {
            case Part::text:
                url += piece.text;
                break;
            case Part::recipient:
                append_percent_encoded(url, local_part);
                url += "%40";
                append_percent_encoded(url, domain);
                break;
            case Part::local:
                append_percent_encoded(url, local_part);
                break;
            case Part::domain:
                append_percent_encoded(url, domain);
                break;
        }
    }
    return url;
}

}  // namespace ringmx
