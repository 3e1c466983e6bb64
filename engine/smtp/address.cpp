// Paths and mailboxes by recursive descent; each function takes what its production takes from the front of
// the input and says where it ends. Address literals are in address_literal.cpp.
#include "smtp/address.hpp"

#include "smtp/char_class.hpp"
#include "smtp/utf8.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kNoMatch = std::string_view::npos;

struct Scan {
    std::string_view text;
    std::size_t at = 0;
    bool non_ascii = false;
    PathError error = PathError::syntax;  // of the last failure

    bool have(char c) const { return at < text.size() && text[at] == c; }
    bool take(char c) {
        if (!have(c)) return false;
        ++at;
        return true;
    }
    // Takes one character of a class, or one UTF-8 character above ASCII.
    bool take_class_or_utf8(std::uint8_t bits) {
        if (at >= text.size()) return false;
        if (is_class(text[at], bits)) {
            ++at;
            return true;
        }
        const std::size_t octets = utf8_non_ascii_octets(text.substr(at));
        at += octets;
        non_ascii = non_ascii || octets > 0;
        return octets > 0;
    }
    bool too_long() {
        error = PathError::too_long;
        return false;
    }
};

// Dot-string = Atom *("." Atom)
bool take_dot_string(Scan& scan) {
    do {
        if (!scan.take_class_or_utf8(char_class::atext)) return false;
        while (scan.take_class_or_utf8(char_class::atext)) {
        }
    } while (scan.take('.'));
    return true;
}

// Quoted-string = DQUOTE *QcontentSMTP DQUOTE
bool take_quoted_string(Scan& scan) {
    ++scan.at;
    while (!scan.take('"')) {
        if (scan.take('\\')) {
            if (scan.at >= scan.text.size() || !is_class(scan.text[scan.at], char_class::printable))
                return false;
            ++scan.at;
        } else if (!scan.take_class_or_utf8(char_class::qtext)) {
            return false;
        }
    }
    return true;
}

bool take_local_part(Scan& scan) {
    const std::size_t start = scan.at;
    if (!(scan.have('"') ? take_quoted_string(scan) : take_dot_string(scan))) return false;
    return scan.at - start <= kLocalPartOctetsMax || scan.too_long();
}

// sub-domain = Let-dig [Ldh-str], or a U-label; "_" counts as a letter.
bool take_label(Scan& scan) {
    std::size_t length = 0;
    bool hyphen_last = true;  // a label does not begin with a hyphen either
    for (;;) {
        if (scan.have('-')) {
            if (length == 0) return false;
            ++scan.at;
            hyphen_last = true;
        } else if (scan.take('_') || scan.take_class_or_utf8(char_class::alnum)) {
            hyphen_last = false;
        } else {
            break;
        }
        ++length;
    }
    if (hyphen_last) return false;
    return length <= kLabelLengthMax || scan.too_long();
}

// Domain = sub-domain *("." sub-domain)
bool take_domain(Scan& scan) {
    const std::size_t start = scan.at;
    do {
        if (!take_label(scan)) return false;
    } while (scan.take('.'));
    return scan.at - start <= kDomainOctetsMax || scan.too_long();
}

bool take_domain_or_literal(Scan& scan) {
    if (!scan.have('[')) return take_domain(scan);
    const std::size_t end = scan.text.find(']', scan.at);
    if (end == kNoMatch) return false;
    const std::string_view literal = scan.text.substr(scan.at, end + 1 - scan.at);
    if (literal.size() > kDomainOctetsMax) return scan.too_long();
    if (!is_address_literal(literal)) return false;
    scan.at = end + 1;
    return true;
}

// A-d-l ":", the source route: checked and dropped (RFC 5321 §4.1.1.3, appendix C).
bool skip_source_route(Scan& scan) {
    do {
        if (!scan.take('@') || !take_domain_or_literal(scan)) return false;
    } while (scan.take(','));
    scan.non_ascii = false;
    return scan.take(':');
}

bool take_path(Scan& scan, PathKind kind, Path& path) {
    if (!scan.take('<')) return false;
    if (kind == PathKind::reverse && scan.take('>')) return true;
    const bool routed = scan.have('@');
    if (routed && !skip_source_route(scan)) return false;

    const std::size_t start = scan.at;
    if (!take_local_part(scan)) return false;
    path.local_part = scan.text.substr(start, scan.at - start);
    if (kind == PathKind::forward && !routed && scan.have('>') &&
        equals_caseless(path.local_part, "postmaster")) {
        ++scan.at;
        path.local_part = path.address = "postmaster";
        return true;
    }
    if (!scan.take('@')) return false;
    const std::size_t domain = scan.at;
    if (!take_domain_or_literal(scan)) return false;
    path.domain = scan.text.substr(domain, scan.at - domain);
    path.address = scan.text.substr(start, scan.at - start);
    return scan.take('>');
}

}  // namespace

ParsedPath parse_path(std::string_view text, PathKind kind) {
    Scan scan{text};
    ParsedPath parsed;
    if (!take_path(scan, kind, parsed.path)) {
        parsed.error = scan.error;
        parsed.path = {};
        return parsed;
    }
    parsed.error = PathError::none;
    parsed.octets = scan.at;
    parsed.non_ascii = scan.non_ascii;
    return parsed;
}

bool is_hello_name(std::string_view text) {
    if (text.empty() || text.size() > kDomainOctetsMax) return false;
    if (text.front() == '[') return is_address_literal(text);
    if (text.back() == '.') text.remove_suffix(1);
    Scan scan{text};
    return take_domain(scan) && scan.at == text.size() && !scan.non_ascii;
}

}  // namespace ringmx::smtp
