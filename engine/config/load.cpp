// Loading: TOML to values, values to fields, then the checks across keys. The one file that sees the TOML
// library, whose exceptions end here. Every error is kept, so that one run shows them all.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <map>
#include <optional>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "config/checks.hpp"
#include "config/config.hpp"
#include "config/keys.hpp"
#include "config/nearest.hpp"
#include "config/recipients_source.hpp"
#include "config/value.hpp"

namespace ringmx::config {

namespace {

constexpr std::size_t kFileBytesMax = 4u << 20;  // no configuration is longer; a device or a mistake is
constexpr std::size_t kHostnameOctets = 256;

class Loader {
 public:
    Loader(const std::string& name, const std::string& base_folder)
        : name_(name), base_folder_(base_folder) {}

    Result<Config> load(std::string_view text, const Amend& amend);

 private:
    void walk(const toml::table& table, const std::string& prefix);
    void unknown(const std::string& key, const toml::node& node, std::uint32_t line);
    void set(const Key& key, const toml::node& node, std::uint32_t line);
    Value value_of(const Key& key, const toml::node& node, std::uint32_t line);
    Value certificates_of(const Key& key, const toml::array& array);
    std::string absolute(const std::string& path) const;
    Value exceptions_of(const Key& key, const toml::array& array);
    Value options_of(const Key& key, const toml::table& table);
    void complete();
    void error(std::uint32_t line, const std::string& text) { errors_.emplace(line, text); }
    std::string report() const;

    const std::string& name_;
    const std::string& base_folder_;
    Config config_;
    std::map<std::string_view, std::uint32_t> lines_;   // where each key that was given stands
    std::multimap<std::uint32_t, std::string> errors_;  // by line; 0: no line
};

std::uint32_t line_of(const toml::node& node) {
    return node.source().begin.line;
}

// A string, number or boolean as a plugin gets it.
std::optional<std::string> option_text(const toml::node& node) {
    if (auto text = node.value_exact<std::string>()) return text;
    if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
    if (const auto integer = node.value_exact<std::int64_t>()) return std::to_string(*integer);
    if (const auto real = node.value_exact<double>()) {
        std::array<char, 32> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *real);
        return std::string(digits.data(), end.ptr);
    }
    return std::nullopt;
}

bool is_section(std::string_view name) {
    const auto all = sections();
    return std::find(all.begin(), all.end(), name) != all.end();
}

Result<Config> Loader::load(std::string_view text, const Amend& amend) {
    try {
        walk(toml::parse(text, name_), "");
    } catch (const toml::parse_error& problem) {
        error(problem.source().begin.line, std::string(problem.description()));
        return Error{EINVAL, report()};
    } catch (const std::exception& problem) {
        return Error{EINVAL, name_ + ": " + problem.what()};
    }
    if (amend) {
        std::vector<std::string> problems;
        amend(config_, problems);
        for (const std::string& problem : problems)
            error(0, problem);
    }
    complete();
    for (const Finding& finding : cross_check(config_)) {
        const auto at = lines_.find(finding.key);
        error(at == lines_.end() ? 0 : at->second, std::string(finding.key) + ": " + finding.text);
    }
    if (!errors_.empty()) return Error{EINVAL, report()};
    return std::move(config_);
}

void Loader::walk(const toml::table& table, const std::string& prefix) {
    for (auto&& [key_node, node] : table) {
        const std::string name = prefix + std::string(key_node.str());
        const std::uint32_t line = key_node.source().begin.line;
        if (const Key* key = find_key(name)) {
            lines_[key->name] = line;
            set(*key, node, line);
        } else if (is_section(name) && node.is_table()) {
            walk(*node.as_table(), name + ".");
        } else {
            unknown(name, node, line);
        }
    }
}

void Loader::unknown(const std::string& key, const toml::node& node, std::uint32_t line) {
    if (is_section(key)) return error(line, key + " is a section: write [" + key + "]");
    std::vector<std::string_view> names;
    if (node.is_table()) {
        names.assign(sections().begin(), sections().end());
        const auto meant = nearest(key, names);
        const std::string hint = meant ? "; did you mean [" + std::string(*meant) + "]?" : "";
        return error(line, "unknown section [" + key + "]" + hint);
    }
    for (const Key& known : keys())
        names.push_back(known.name);
    if (const auto meant = nearest(key, names)) {
        return error(line, "unknown key " + key + "; did you mean " + std::string(*meant) + "?");
    }
    // Nothing is near: say what the section knows.
    const std::string section = key.substr(0, std::min(key.rfind('.'), key.size()) + 1);
    std::string known_here;
    for (const std::string_view known : names) {
        if (known.rfind('.') + 1 == section.size() && known.starts_with(section)) {
            known_here.append(known_here.empty() ? "; allowed here: " : ", ")
                .append(known.substr(section.size()));
        }
    }
    error(line, "unknown key " + key + known_here);
}

void Loader::set(const Key& key, const toml::node& node, std::uint32_t line) {
    const std::size_t errors_before = errors_.size();
    const Value value = value_of(key, node, line);
    if (errors_.size() != errors_before) return;
    if (const auto problem = set_value(key, value, config_)) {
        return error(line, std::string(key.name) + ": " + *problem);
    }
    if (key.type == KeyType::path) {
        auto& path = *std::get<std::string*>(key.field(config_));
        path = absolute(path);
    }
    if (key.type == KeyType::paths) {
        for (std::string& path : *std::get<std::vector<std::string>*>(key.field(config_)))
            path = absolute(path);
    }
    if (key.type == KeyType::recipients) {
        auto& text = *std::get<std::string*>(key.field(config_));
        if (auto source = parse_recipients(text)) {
            source->path = absolute(source->path);
            text = to_text(*source);
        }
    }
    if (key.type == KeyType::certificates) {
        for (CertificateFiles& files : *std::get<std::vector<CertificateFiles>*>(key.field(config_))) {
            files.chain = absolute(files.chain);
            files.key = absolute(files.key);
        }
    }
    if (key.name == "storage.durability") config_.storage.durability_set = true;
}

std::string Loader::absolute(const std::string& path) const {
    return path.empty() || path.front() == '/' || base_folder_.empty() ? path : base_folder_ + "/" + path;
}

Value Loader::value_of(const Key& key, const toml::node& node, std::uint32_t line) {
    if (const auto flag = node.value_exact<bool>()) return *flag;
    if (const auto integer = node.value_exact<std::int64_t>()) return *integer;
    if (auto text = node.value_exact<std::string>()) return std::move(*text);
    if (key.type == KeyType::options && node.is_table()) return options_of(key, *node.as_table());
    const toml::array* array = node.as_array();
    if (array == nullptr) return std::monostate{};
    if (key.type == KeyType::exceptions && !array->empty()) return exceptions_of(key, *array);
    if (key.type == KeyType::certificates && !array->empty()) return certificates_of(key, *array);
    std::vector<std::string> list;
    for (const toml::node& element : *array) {
        auto text = element.value_exact<std::string>();
        if (!text) {
            error(std::max(line, line_of(element)),
                  std::string(key.name) + ": an element is not a string; give " + describe_allowed(key));
            return std::monostate{};
        }
        list.push_back(std::move(*text));
    }
    return list;
}

Value Loader::exceptions_of(const Key& key, const toml::array& array) {
    constexpr std::array<std::string_view, 2> fields = {"network", "mode"};
    std::vector<ExceptionText> list;
    for (const toml::node& element : array) {
        const toml::table* table = element.as_table();
        if (table == nullptr) return std::monostate{};
        ExceptionText exception;
        for (auto&& [field, node] : *table) {
            auto text = node.value_exact<std::string>();
            const bool known = std::find(fields.begin(), fields.end(), field.str()) != fields.end();
            if (!known || !text) {
                error(field.source().begin.line, std::string(key.name) + ": " + std::string(field.str()) +
                                                     (known ? " is not a string" : " is unknown") +
                                                     "; give " + describe_allowed(key));
                return std::monostate{};
            }
            (field.str() == "network" ? exception.network : exception.mode) = std::move(*text);
        }
        list.push_back(std::move(exception));
    }
    return list;
}

Value Loader::certificates_of(const Key& key, const toml::array& array) {
    CertificateTexts list;
    for (const toml::node& element : array) {
        const toml::table* table = element.as_table();
        if (table == nullptr) return std::monostate{};
        CertificateFiles files;
        for (auto&& [field, node] : *table) {
            const auto text = node.value_exact<std::string>();
            const toml::array* names = field.str() == "names" ? node.as_array() : nullptr;
            bool good = names != nullptr || (text && (field.str() == "chain" || field.str() == "key"));
            if (names != nullptr) {
                for (const toml::node& name : *names) {
                    const auto one = name.value_exact<std::string>();
                    good = good && one;
                    if (one) files.names.push_back(*one);
                }
            } else if (good) {
                (field.str() == "chain" ? files.chain : files.key) = *text;
            }
            if (!good) {
                error(field.source().begin.line, std::string(key.name) + ": " + std::string(field.str()) +
                                                     " is unknown or of another type; give " +
                                                     describe_allowed(key));
                return std::monostate{};
            }
        }
        list.push_back(std::move(files));
    }
    return list;
}

// A plugin's options, in the order of the file; what is no string, number or boolean is an error.
Value Loader::options_of(const Key& key, const toml::table& table) {
    struct Entry {
        std::uint32_t line;
        std::uint32_t column;
        std::string name;
        const toml::node* node;
    };
    std::vector<Entry> entries;  // the table is ordered by name
    for (auto&& [name, node] : table) {
        const toml::source_position at = name.source().begin;
        entries.push_back({at.line, at.column, std::string(name.str()), &node});
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    OptionList list;
    for (const Entry& entry : entries) {
        const auto add = [&](const toml::node& node) {
            const auto text = option_text(node);
            const bool good = text && text->find('\0') == std::string::npos;
            if (good) {
                list.emplace_back(entry.name, *text);
            } else {
                error(std::max(entry.line, line_of(node)),
                      std::string(key.name) + "." + entry.name +
                          " is to be a string, a number, a boolean or an "
                          "array of them");
            }
        };
        if (const toml::array* array = entry.node->as_array()) {
            for (const toml::node& element : *array)
                add(element);
        } else {
            add(*entry.node);
        }
    }
    return list;
}

// Defaults that depend on the machine.
void Loader::complete() {
    if (!config_.server.hostname.empty()) return;
    std::array<char, kHostnameOctets> buffer{};
    if (gethostname(buffer.data(), buffer.size() - 1) == 0) config_.server.hostname = buffer.data();
}

std::string Loader::report() const {
    std::string text;
    for (const auto& [line, what] : errors_) {
        text +=
            (text.empty() ? "" : "\n") + name_ + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + what;
    }
    return text;
}

Result<std::string> read_whole(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, path);
    std::string text;
    std::array<char, 16384> buffer;
    ssize_t got = 0;
    while (text.size() <= kFileBytesMax && (got = read(fd, buffer.data(), buffer.size())) > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const int code = errno;
    close(fd);
    if (got < 0) return system_error(code, path);
    if (text.size() > kFileBytesMax) return Error{EFBIG, path + ": longer than 4 MiB: not a configuration"};
    return text;
}

}  // namespace

Result<Config> load_file(const std::string& path, const Amend& amend) {
    const Result<std::string> text = read_whole(path);
    if (!text) return text.error();
    const std::size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    if (folder.empty()) folder = "/";
    return load_text(*text, path, folder, amend);
}

Result<Config> load_text(std::string_view text, const std::string& name, const std::string& base_folder,
                         const Amend& amend) {
    return Loader(name, base_folder).load(text, amend);
}

}  // namespace ringmx::config
