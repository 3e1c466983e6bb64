#include "confined_paths.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/path_template.hpp"
#include "config/recipients_source.hpp"
#include "server/pem_files.hpp"
#include "storage/spool/file_system.hpp"

namespace ringmx::tools {

namespace {

using confine::Access;
using confine::PathRule;

// Libraries, and what the C library reads for them: names, certificates of authorities, time zones, the
// number of CPUs.
constexpr const char* kSystem[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/sys",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/urandom",
    "/dev/random",
};

std::string folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path();
    return folder.empty() ? "." : folder;
}

// A file that is replaced by another is found in its folder; one behind a symbolic link, in that one's, too.
void add_file(std::vector<PathRule>& rules, const std::string& path, Access access) {
    rules.push_back({folder_of(path), access});
    std::error_code none;
    const std::filesystem::path real = std::filesystem::canonical(path, none);
    if (!none) rules.push_back({folder_of(real), access});
}

void add_storage(const config::StorageConfig& storage, std::vector<PathRule>& rules) {
    if (storage.backend == config::StorageBackend::spool || config::delivers(storage))
        rules.push_back({storage.spool.path, Access::write});
    if (storage.backend == config::StorageBackend::maildir) {
        const auto parsed = PathTemplate::parse(storage.maildir.path);
        rules.push_back({parsed ? parsed->prefix : storage.maildir.path, Access::write});
    }
    const auto plugin = config::plugin_used(storage);
    if (!plugin) return;
    if (*plugin == config::StorageBackend::plugin) return add_file(rules, storage.plugin.path, Access::read);
    // Certificates, credentials: any value that is a path.
    for (const auto& [name, value] : config::plugin_options(storage)) {
        if (value.starts_with('/')) add_file(rules, value, Access::read);
    }
}

// A reader of an LMDB notes in its lock file that it reads.
void add_recipients(const config::AcceptConfig& accept, std::vector<PathRule>& rules) {
    const auto source = config::parse_recipients(accept.recipients);
    if (!source) return;
    if (source->kind == config::RecipientsSource::Kind::http) {
        for (const std::string& path : {accept.http.ca_file, accept.http.bearer_token_file}) {
            if (!path.empty()) add_file(rules, path, Access::read);
        }
    }
    if (source->path.empty()) return;
    add_file(rules, source->path,
             source->kind == config::RecipientsSource::Kind::lmdb ? Access::write : Access::read);
}

}  // namespace

std::vector<PathRule> confined_paths(const config::Config& config, bool certificates) {
    std::vector<PathRule> rules;
    for (const char* const path : kSystem)
        rules.push_back({path, Access::read});
    rules.push_back({"/dev/null", Access::write});
    // Files there are replaced by others, when the network changes for example.
    if (needs_network(config)) {
        rules.push_back({"/etc", Access::read});
        add_file(rules, "/etc/resolv.conf", Access::read);  // a link, where something manages it
    }
    std::error_code none;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", none);
    if (!none)
        rules.push_back({program.parent_path().parent_path() / "lib", Access::read});  // shipped backends

    add_storage(config.storage, rules);
    if (!config.log.path.empty()) add_file(rules, config.log.path, Access::write);
    if (!config.admin.socket.empty()) rules.push_back({folder_of(config.admin.socket), Access::write});
    add_recipients(config.accept, rules);
    for (const config::CertificateFiles& files : config.tls.certificates) {
        if (!certificates) break;
        add_file(rules, files.chain, Access::read);
        add_file(rules, files.key, Access::read);
    }
    // Those of a folder are opened by the server itself, whoever opens certificates.
    const std::string& authorities = config.tls.client_authorities;
    if (std::filesystem::is_directory(authorities, none)) {
        rules.push_back({authorities, Access::read});
        for (const std::string& file : server::authority_files(authorities))
            add_file(rules, file, Access::read);
    } else if (!authorities.empty() && certificates) {
        add_file(rules, authorities, Access::read);
    }
    for (const std::string& path : config.confine.read)
        rules.push_back({path, Access::read});
    for (const std::string& path : config.confine.write)
        rules.push_back({path, Access::write});
    return rules;
}

void make_folders(const config::Config& config) {
    const config::StorageConfig& storage = config.storage;
    storage::spool::FileSystem& files = storage::spool::posix_file_system();
    if (storage.backend == config::StorageBackend::spool || config::delivers(storage))
        static_cast<void>(files.make_directories(storage.spool.path));
    if (storage.backend != config::StorageBackend::maildir) return;
    // One with placeholders has a prefix that exists, one without makes no folder above its own.
    const auto parsed = PathTemplate::parse(storage.maildir.path);
    std::error_code none;
    if (parsed && parsed->components.empty() &&
        std::filesystem::is_directory(folder_of(storage.maildir.path), none))
        static_cast<void>(files.make_directories(storage.maildir.path));
}

bool needs_network(const config::Config& config) {
    const auto recipients = config::parse_recipients(config.accept.recipients);
    const bool asks = recipients && (recipients->kind == config::RecipientsSource::Kind::socketmap ||
                                     recipients->kind == config::RecipientsSource::Kind::http);
    return asks || config::plugin_used(config.storage).has_value();
}

bool has_foreign_code(const config::Config& config) {
    return config::plugin_used(config.storage) == config::StorageBackend::plugin;
}

}  // namespace ringmx::tools
