// Keys in words: limits for error messages, values as TOML, and the tables of the documentation.
#include <algorithm>

#include "base/assert.hpp"
#include "config/keys.hpp"
#include "config/units.hpp"

namespace ringmx::config {

namespace {

std::string quote(std::string_view text) {
    return std::string("\"").append(text).append("\"");
}

// Any text as a TOML string: what a plugin's option holds is anybody's guess.
std::string basic_string(std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.append({'\\', c});
        } else if (octet < 0x20 || octet == 0x7f) {
            out.append("\\u00").append({digits[octet >> 4], digits[octet & 15]});
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string network_text(const Network& network) {
    std::array<char, 48> buffer;
    return std::string(network.base.format(buffer)) + "/" + std::to_string(network.prefix_bits);
}

std::string number_text(const Key& key, std::uint64_t number) {
    switch (key.type) {
        case KeyType::size:
            return format_size(number);
        case KeyType::duration:
            return format_duration(number);
        default:
            return std::to_string(number);
    }
}

// "one from A to B", "one of at least A".
std::string range_text(const Key& key) {
    const std::string least = number_text(key, key.least);
    if (key.most == 0) return "of at least " + least;
    return "from " + least + " to " + number_text(key, key.most);
}

std::string choices_text(const Key& key) {
    std::string text;
    for (std::size_t i = 0; i < key.choices.size(); ++i) {
        if (i > 0) text += i + 1 == key.choices.size() ? " or " : ", ";
        text += quote(key.choices[i]);
    }
    return text;
}

struct ValueText {
    const Key& key;

    std::string operator()(const std::string* text) const { return basic_string(*text); }
    std::string operator()(const bool* flag) const { return *flag ? "true" : "false"; }
    std::string operator()(const std::uint32_t* number) const { return (*this)(std::uint64_t{*number}); }
    std::string operator()(const std::uint64_t* number) const { return (*this)(*number); }
    std::string operator()(std::uint64_t number) const {
        if (key.type == KeyType::count && number == 0 && !key.word.empty()) return quote(key.word);
        return key.type == KeyType::count ? std::to_string(number) : quote(number_text(key, number));
    }
    std::string operator()(ChoiceField choice) const { return quote(key.choices[*choice.value]); }
    std::string operator()(const std::vector<std::string>* list) const {
        std::string text = "[";
        for (const std::string& element : *list)
            text += (text.size() > 1 ? ", " : "") + basic_string(element);
        return text + "]";
    }
    std::string operator()(const std::vector<BareNewlineException>* list) const {
        std::string text = "[";
        for (const BareNewlineException& exception : *list) {
            text += text.size() > 1 ? ", " : "";
            text += "{ network = " + quote(network_text(exception.network)) +
                    ", mode = " + quote(bare_newline_modes()[static_cast<std::size_t>(exception.mode)]) +
                    " }";
        }
        return text + "]";
    }
    std::string operator()(const std::vector<Network>* list) const {
        std::string text = "[";
        for (const Network& network : *list)
            text += (text.size() > 1 ? ", " : "") + quote(network_text(network));
        return text + "]";
    }
    std::string operator()(const std::vector<CertificateFiles>* list) const {
        std::string text = "[";
        for (const CertificateFiles& files : *list) {
            text += text.size() > 1 ? ", " : "";
            text += "{ chain = " + basic_string(files.chain) + ", key = " + basic_string(files.key);
            if (!files.names.empty()) text += ", names = " + (*this)(&files.names);
            text += " }";
        }
        return text + "]";
    }
    // As strings, whatever they were: the same to a plugin. Entries of one name become an array again.
    std::string operator()(const OptionList* list) const {
        std::string text = "{";
        for (auto at = list->begin(); at != list->end();) {
            const auto last =
                std::find_if(at, list->end(), [&](const auto& o) { return o.first != at->first; });
            text += (text.size() > 1 ? ", " : " ") + basic_string(at->first) + " = ";
            const bool array = last - at > 1;
            if (array) text += "[";
            for (auto element = at; element != last; ++element)
                text += (element == at ? "" : ", ") + basic_string(element->second);
            if (array) text += "]";
            at = last;
        }
        return text + (text.size() > 1 ? " }" : "}");
    }
};

std::string_view type_name(KeyType type) {
    switch (type) {
        case KeyType::hostname:
            return "domain name";
        case KeyType::account:
            return "name";
        case KeyType::path:
            return "path";
        case KeyType::paths:
            return "array of paths";
        case KeyType::headers:
            return "array of header fields";
        case KeyType::recipients:
            return "path, or kind:place";
        case KeyType::characters:
            return "characters";
        case KeyType::boolean:
            return "boolean";
        case KeyType::count:
            return "number";
        case KeyType::size:
            return "size, octets";
        case KeyType::duration:
            return "duration, seconds";
        case KeyType::choice:
            return "word";
        case KeyType::endpoints:
            return "array of address:port";
        case KeyType::domains:
            return "array of domains";
        case KeyType::networks:
            return "array of networks";
        case KeyType::certificates:
        case KeyType::exceptions:
            return "array of tables";
        case KeyType::options:
            return "table";
    }
    return "";
}

// The column "Limits": what describe_allowed says beyond the type.
std::string limits_text(const Key& key) {
    switch (key.type) {
        case KeyType::count: {
            const std::string range = std::to_string(key.least) + " to " + std::to_string(key.most);
            return key.word.empty() ? range : range + "; 0 is `" + quote(key.word) + "`";
        }
        case KeyType::size:
        case KeyType::duration:
            return number_text(key, key.least) + " to " + number_text(key, key.most);
        case KeyType::choice: {
            std::string text;
            for (const std::string_view choice : key.choices) {
                text += (text.empty() ? "`" : ", `") + quote(choice) + "`";
            }
            return text;
        }
        case KeyType::boolean:
            return "`true`, `false`";
        case KeyType::account:
            return "at most 32 octets";
        case KeyType::path:
            return key.least == 0 ? "at most 4096 octets" : "1 to 4096 octets";
        case KeyType::paths:
            return "each 1 to 4096 octets";
        case KeyType::headers:
            return "`Name: value`; not `Host`, `Connection` and what frames a request";
        case KeyType::recipients:
            return "`file:`, `table:`, `lmdb:` with a path, `socketmap:unix:PATH:NAME`, "
                   "`socketmap:inet:ADDRESS:PORT:NAME`, an `http://` or `https://` URL";
        case KeyType::characters:
            return "at most " + std::to_string(key.most);
        case KeyType::hostname:
            return "at most 255 octets";
        case KeyType::endpoints:
            return key.least == 0 ? "ports 1 to 65535" : "at least one; ports 1 to 65535";
        case KeyType::domains:
            return "each at most 255 octets";
        case KeyType::networks:
            return "in CIDR notation";
        case KeyType::certificates:
            return "`chain` and `key`: PEM files; `names`, which may be absent";
        case KeyType::exceptions:
            return "`network` in CIDR notation, `mode` as in `bare_newline`";
        case KeyType::options:
            return "strings, numbers, booleans and arrays of them";
    }
    return "";
}

}  // namespace

std::string describe_allowed(const Key& key) {
    switch (key.type) {
        case KeyType::hostname:
            return "a domain name, such as \"mx1.example.com\"";
        case KeyType::account:
            return "a name, such as \"ringmx\"";
        case KeyType::paths:
            return "an array of paths, such as [\"/var/lib/mail\"]";
        case KeyType::headers:
            return "an array of header fields, such as [\"X-Key: secret\"]";
        case KeyType::path:
            return key.least == 0 ? "a path as a string" : "a path, as a string that is not empty";
        case KeyType::recipients:
            return "a path, or \"file:\", \"table:\" or \"lmdb:\" with a path, "
                   "\"socketmap:unix:/path:name\", "
                   "\"socketmap:inet:127.0.0.1:port:name\" or an \"http://\" or \"https://\" URL";
        case KeyType::characters:
            return "a string of at most " + std::to_string(key.most) + " visible ASCII characters";
        case KeyType::boolean:
            return "true or false";
        case KeyType::count: {
            const std::string number = "a whole number " + range_text(key);
            return key.word.empty() ? number : quote(key.word) + " or " + number;
        }
        case KeyType::size:
            return "a size " + range_text(key) + ", such as \"64KiB\", \"256MiB\" or \"2GiB\"";
        case KeyType::duration:
            return "a duration " + range_text(key) + ", such as \"30s\", \"5m\" or \"1h\"";
        case KeyType::choice:
            return choices_text(key);
        case KeyType::endpoints:
            return "an array of addresses with port, such as [\"0.0.0.0:25\", \"[::]:25\"]";
        case KeyType::domains:
            return "an array of domain names, such as [\"example.com\"]";
        case KeyType::networks:
            return "an array of networks, such as [\"192.0.2.0/24\", \"2001:db8::/32\"]";
        case KeyType::certificates:
            return "an array of tables, such as [{ chain = \"mx1.pem\", key = \"mx1.key\" }]";
        case KeyType::exceptions:
            return "an array of tables, such as [{ network = \"192.0.2.0/24\", mode = \"accept\" }]";
        case KeyType::options:
            return "a table of strings, numbers, booleans and arrays of them";
    }
    return "";
}

std::string value_text(const Key& key, const Config& config) {
    // The accessor is shared with the setter, which needs the field writable; here it is only read.
    return std::visit(ValueText{key}, key.field(const_cast<Config&>(config)));
}

std::string default_text(const Key& key) {
    const bool says_zero = key.type == KeyType::count;
    if (!key.word.empty() && !says_zero) return std::string(key.word);
    return value_text(key, Config{});
}

std::string markdown_tables() {
    std::string out;
    for (const std::string_view section : sections()) {
        out.append("\n### [").append(section).append("]\n\n");
        out +=
            "| Key | Type, unit | Default | Limits | Since | What it does |\n| --- | --- | --- | --- | --- | "
            "--- |\n";
        for (const Key& key : keys()) {
            const std::size_t dot = key.name.rfind('.');
            if (key.name.substr(0, dot) != section) continue;
            const bool in_words = !key.word.empty() && key.type != KeyType::count;
            const std::string fallback = in_words ? default_text(key) : "`" + default_text(key) + "`";
            out.append("| `").append(key.name.substr(dot + 1)).append("` | ").append(type_name(key.type));
            out.append(" | ").append(fallback).append(" | ").append(limits_text(key)).append(" | ");
            out.append(key.since).append(" | ").append(key.description).append(" |\n");
        }
    }
    return out;
}

}  // namespace ringmx::config
