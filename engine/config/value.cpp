#include "config/value.hpp"

#include <algorithm>
#include <charconv>

#include "base/limits.hpp"
#include "config/recipients_source.hpp"
#include "config/units.hpp"

namespace ringmx::config {

namespace {

using Problem = std::optional<std::string>;

constexpr std::size_t kTextOctetsMax = 4096;   // a string value; PATH_MAX
constexpr std::size_t kLabelOctetsMax = 63;    // RFC 1035 §2.3.4
constexpr std::size_t kAccountOctetsMax = 32;  // useradd(8)

Problem not_allowed(const Key& key, const std::string& given) {
    return given + " is not allowed; give " + describe_allowed(key);
}

// The value as it stood in the file, near enough for a message.
std::string quote(const std::string& text) {
    return '"' + text + '"';
}

struct GivenText {
    std::string operator()(std::monostate) const { return "this type of value"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(const std::string& value) const { return quote(value); }
    std::string operator()(const std::vector<std::string>& value) const {
        return value.empty() ? "an empty array" : "an array of strings";
    }
    std::string operator()(const std::vector<ExceptionText>&) const { return "an array of tables"; }
    std::string operator()(const CertificateTexts&) const { return "an array of tables"; }
    std::string operator()(const OptionList&) const { return "a table"; }
};

std::string given(const Value& value) {
    return std::visit(GivenText{}, value);
}

// The number that a count, size or duration stands for.
std::optional<std::uint64_t> number_of(const Key& key, const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        if (*integer < 0) return std::nullopt;
        return static_cast<std::uint64_t>(*integer);
    }
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return std::nullopt;
    if (key.type == KeyType::size) return parse_size(*text);
    if (key.type == KeyType::duration) return parse_duration(*text);
    if (!key.word.empty() && *text == key.word) return 0;
    return std::nullopt;
}

Problem set_number(const Key& key, const Value& value, Config& config) {
    const std::optional<std::uint64_t> number = number_of(key, value);
    if (!number || *number < key.least || (key.most != 0 && *number > key.most))
        return not_allowed(key, given(value));
    const Field field = key.field(config);
    if (auto* const* wide = std::get_if<std::uint64_t*>(&field)) {
        **wide = *number;
    } else {
        *std::get<std::uint32_t*>(field) = static_cast<std::uint32_t>(*number);
    }
    return std::nullopt;
}

Problem set_text(const Key& key, const Value& value, Config& config) {
    const auto* text = std::get_if<std::string>(&value);
    const bool good = text != nullptr && text->size() >= key.least && text->size() <= kTextOctetsMax &&
                      text->find('\0') == std::string::npos &&
                      (key.type != KeyType::hostname || is_domain_name(*text)) &&
                      (key.type != KeyType::account || text->size() <= kAccountOctetsMax);
    if (!good) return not_allowed(key, given(value));
    *std::get<std::string*>(key.field(config)) = *text;
    return std::nullopt;
}

Problem set_recipients(const Key& key, const Value& value, Config& config) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || text->size() > kTextOctetsMax || text->find('\0') != std::string::npos)
        return not_allowed(key, given(value));
    const auto source = parse_recipients(*text);
    if (!source) return quote(*text) + " is not allowed: " + source.error().message;
    *std::get<std::string*>(key.field(config)) = *text;
    return std::nullopt;
}

Problem set_characters(const Key& key, const Value& value, Config& config) {
    const auto* text = std::get_if<std::string>(&value);
    const auto visible = [](char c) { return c > ' ' && c < 0x7f && c != '@' && c != '"'; };
    if (text == nullptr || text->size() > key.most || !std::all_of(text->begin(), text->end(), visible))
        return not_allowed(key, given(value));
    *std::get<std::string*>(key.field(config)) = *text;
    return std::nullopt;
}

Problem set_boolean(const Key& key, const Value& value, Config& config) {
    const auto* flag = std::get_if<bool>(&value);
    if (flag == nullptr) return not_allowed(key, given(value));
    *std::get<bool*>(key.field(config)) = *flag;
    return std::nullopt;
}

Problem set_choice(const Key& key, const Value& value, Config& config) {
    const auto* text = std::get_if<std::string>(&value);
    const auto found =
        text == nullptr ? key.choices.end() : std::find(key.choices.begin(), key.choices.end(), *text);
    if (found == key.choices.end()) return not_allowed(key, given(value));
    *std::get<ChoiceField>(key.field(config)).value = static_cast<std::uint8_t>(found - key.choices.begin());
    return std::nullopt;
}

bool is_accepted_domain(const std::string& text) {
    if (text == "*") return true;
    const bool literal = text.size() > 2 && text.front() == '[' && text.back() == ']';
    return literal ? text.find_first_of(" \t\r\n") == std::string::npos : is_domain_name(text);
}

bool is_token_character(char c) {
    constexpr std::string_view symbols = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           symbols.find(c) != std::string_view::npos;
}

bool is_same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

// "Name: value" (RFC 9110 §5), of those that say nothing about the connection and the request's frame.
bool is_header_field(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text.size() > kTextOctetsMax) return false;
    const std::string_view name = text.substr(0, colon);
    const std::string_view value = text.substr(colon + 1);
    if (!std::all_of(name.begin(), name.end(), is_token_character)) return false;
    if (std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; })) return false;
    if (value.find_first_not_of(' ') == std::string_view::npos) return false;
    constexpr std::string_view ours[] = {"Connection", "Content-Length", "Expect", "Host",
                                         "Transfer-Encoding"};
    return std::none_of(std::begin(ours), std::end(ours),
                        [name](std::string_view one) { return is_same(name, one); });
}

bool is_element(KeyType type, const std::string& text) {
    if (type == KeyType::endpoints) return parse_endpoint(text).has_value();
    if (type == KeyType::domains) return is_accepted_domain(text);
    if (type == KeyType::headers) return is_header_field(text);
    return !text.empty() && text.size() <= kTextOctetsMax && text.find('\0') == std::string::npos;
}

// An element of an array, or the whole list of what is wrong with it.
Problem set_list(const Key& key, const Value& value, Config& config) {
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr) return not_allowed(key, given(value));
    if (list->size() < key.least) return not_allowed(key, "an empty array");
    for (auto at = list->begin(); at != list->end(); ++at) {
        if (!is_element(key.type, *at)) return not_allowed(key, quote(*at));
        if (std::find(list->begin(), at, *at) != at) return quote(*at) + " stands in it twice";
    }
    *std::get<std::vector<std::string>*>(key.field(config)) = *list;
    return std::nullopt;
}

Problem set_exceptions(const Key& key, const Value& value, Config& config) {
    const auto* strings = std::get_if<std::vector<std::string>>(&value);
    const auto* list = std::get_if<std::vector<ExceptionText>>(&value);
    const bool empty = strings != nullptr && strings->empty();  // [] could be an array of anything
    if (list == nullptr && !empty) return not_allowed(key, given(value));
    std::vector<BareNewlineException> exceptions;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const ExceptionText& text = (*list)[i];
        const auto network = Network::parse(text.network);
        if (!network)
            return "network " + quote(text.network) + " is not a network; give one like \"192.0.2.0/24\"";
        const auto modes = bare_newline_modes();
        const auto mode = std::find(modes.begin(), modes.end(), text.mode);
        if (mode == modes.end()) {
            return "mode " + quote(text.mode) +
                   " is not allowed; give \"normalize\", \"reject\" or \"accept\"";
        }
        exceptions.push_back({*network, static_cast<BareNewlineMode>(mode - modes.begin())});
    }
    *std::get<std::vector<BareNewlineException>*>(key.field(config)) = std::move(exceptions);
    return std::nullopt;
}

Problem set_networks(const Key& key, const Value& value, Config& config) {
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr) return not_allowed(key, given(value));
    std::vector<Network> networks;
    for (const std::string& text : *list) {
        const auto network = Network::parse(text);
        if (!network) return not_allowed(key, quote(text));
        networks.push_back(*network);
    }
    *std::get<std::vector<Network>*>(key.field(config)) = std::move(networks);
    return std::nullopt;
}

// "*.example.com" or a domain name.
bool is_certificate_name(std::string_view name) {
    return is_domain_name(name.starts_with("*.") ? name.substr(2) : name);
}

Problem set_certificates(const Key& key, const Value& value, Config& config) {
    const auto* strings = std::get_if<std::vector<std::string>>(&value);
    const auto* list = std::get_if<CertificateTexts>(&value);
    const bool empty = strings != nullptr && strings->empty();  // [] could be an array of anything
    if (list == nullptr && !empty) return not_allowed(key, given(value));
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const CertificateFiles& files = (*list)[i];
        for (const std::string& path : {files.chain, files.key}) {
            if (path.empty() || path.size() > kTextOctetsMax || path.find('\0') != std::string::npos)
                return "an element has no chain or no key; give " + describe_allowed(key);
        }
        for (const std::string& name : files.names) {
            if (!is_certificate_name(name))
                return "name " + quote(name) +
                       " is not a domain name, such as \"mx1.example.com\" or \"*.example.com\"";
        }
    }
    *std::get<std::vector<CertificateFiles>*>(key.field(config)) = empty ? CertificateTexts{} : *list;
    return std::nullopt;
}

Problem set_options(const Key& key, const Value& value, Config& config) {
    const auto* list = std::get_if<OptionList>(&value);
    if (list == nullptr) return not_allowed(key, given(value));
    *std::get<OptionList*>(key.field(config)) = *list;
    return std::nullopt;
}

bool is_label_octet(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || octet >= 0x80;
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= kLabelOctetsMax && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), is_label_octet);
}

}  // namespace

std::optional<std::string> set_value(const Key& key, const Value& value, Config& config) {
    switch (key.type) {
        case KeyType::hostname:
        case KeyType::account:
        case KeyType::path:
            return set_text(key, value, config);
        case KeyType::recipients:
            return set_recipients(key, value, config);
        case KeyType::characters:
            return set_characters(key, value, config);
        case KeyType::boolean:
            return set_boolean(key, value, config);
        case KeyType::count:
        case KeyType::size:
        case KeyType::duration:
            return set_number(key, value, config);
        case KeyType::choice:
            return set_choice(key, value, config);
        case KeyType::paths:
        case KeyType::endpoints:
        case KeyType::domains:
        case KeyType::headers:
            return set_list(key, value, config);
        case KeyType::networks:
            return set_networks(key, value, config);
        case KeyType::certificates:
            return set_certificates(key, value, config);
        case KeyType::exceptions:
            return set_exceptions(key, value, config);
        case KeyType::options:
            return set_options(key, value, config);
    }
    return "has no type";
}

bool is_domain_name(std::string_view text) {
    if (text.empty() || text.size() > limits::domain_octets_min) return false;
    while (!text.empty()) {
        const std::size_t dot = std::min(text.find('.'), text.size());
        if (!is_label(text.substr(0, dot))) return false;
        if (dot == text.size()) return true;
        text.remove_prefix(dot + 1);
    }
    return false;  // a dot at the end
}

std::optional<PeerAddress> parse_endpoint(std::string_view text, std::uint16_t port_least) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);

    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, port);
    if (error != std::errc{} || stop != end || port < port_least) return std::nullopt;
    const std::optional<Network> address = Network::parse(host);
    if (!address || host.find('/') != std::string_view::npos) return std::nullopt;
    if (bracketed != (address->base.family == PeerAddress::Family::ipv6)) return std::nullopt;
    PeerAddress endpoint = address->base;
    endpoint.port = port;
    return endpoint;
}

}  // namespace ringmx::config
