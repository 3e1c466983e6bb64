#include "confinement.hpp"

#include <cerrno>

#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "confine/system_calls.hpp"
#include "confined_paths.hpp"
#include "server/tls_setup.hpp"

namespace ringmx::tools {

namespace {

using config::ConfineMode;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

// Why nothing is confined though the kernel could; null: it is.
const char* reason_for_none(const config::Config& config) {
    if (config.confine.mode == ConfineMode::off) return "off";
    if (config.confine.mode == ConfineMode::required) return nullptr;
    if (kSanitized) return "off: built with a sanitizer";
    if (has_foreign_code(config)) return "off: a plugin of your own; confine.mode = \"required\" confines it";
    return nullptr;
}

std::vector<std::string> certificate_files(const config::TlsConfig& tls) {
    std::vector<std::string> paths;
    for (const config::CertificateFiles& files : tls.certificates) {
        paths.push_back(files.chain);
        paths.push_back(files.key);
    }
    if (!tls.client_authorities.empty()) paths.push_back(tls.client_authorities);
    return paths;
}

std::string name_of(uid_t user) {
    const passwd* const found = getpwuid(user);
    return found == nullptr ? std::to_string(user) : found->pw_name;
}

}  // namespace

Result<std::unique_ptr<ProcessConfinement>> ProcessConfinement::prepare(const config::Config& config) {
    std::unique_ptr<ProcessConfinement> made(new ProcessConfinement(config));
    made->user_ = name_of(geteuid());
    const std::string& user = config.confine.user;
    if (user.empty()) return made;
    auto account = confine::find_account(user, config.confine.group);
    if (!account) return Error{0, "confine.user: " + account.error().message};
    if (geteuid() != 0) {
        if (geteuid() == account->user) return made;
        return Error{
            0, "confine.user: only root can go on as \"" + user + "\"; start it as root, or as that user"};
    }
    made->account_ = *account;
    made->user_ = account->name;
    if (config.tls.certificates.empty()) return made;
    auto keeper = confine::FileKeeper::start(certificate_files(config.tls));
    if (!keeper) return keeper.error();
    made->keeper_ = std::move(*keeper);
    return made;
}

Status ProcessConfinement::bound() {
    if (account_) {
        if (Status changed = confine::become(*account_); !changed) return changed;
    }
    if (config_.confine.mode != ConfineMode::off) {
        const rlimit none{0, 0};  // a core file would hold mail, and keys
        setrlimit(RLIMIT_CORE, &none);
        if (Status set = confine::no_new_privileges(); !set) return set;
        // Root keeps what makes it root: it owns the files.
        if (geteuid() != 0) {
            if (Status dropped = confine::drop_capabilities(); !dropped) return dropped;
        }
    }
    if (const char* const reason = reason_for_none(config_)) {
        paths_ = reason;
        return ok_status();
    }
    make_folders(config_);
    const confine::NetworkRule network{.connect = needs_network(config_), .bind = false};
    auto restricted = confine::restrict_paths(confined_paths(config_, keeper_ == nullptr), network);
    if (restricted) {
        paths_ = *restricted;
    } else if (config_.confine.mode == ConfineMode::required) {
        return Error{restricted.error().code, "confine.mode = \"required\": " + restricted.error().message};
    } else {
        paths_ = "none: " + restricted.error().message;
    }
    return ok_status();
}

Result<std::vector<std::pair<std::string, std::string>>> ProcessConfinement::serving() {
    std::vector<std::pair<std::string, std::string>> facts;
    facts.emplace_back("user", user_);
    facts.emplace_back("landlock", paths_);
    const char* const reason = reason_for_none(config_);
    if (reason != nullptr) {
        facts.emplace_back("seccomp", reason);
        return facts;
    }
    const auto left = confine::restrict_system_calls(needs_network(config_));
    if (!left && config_.confine.mode == ConfineMode::required)
        return Error{left.error().code, "confine.mode = \"required\": " + left.error().message};
    facts.emplace_back("seccomp",
                       left ? std::to_string(*left) + " system calls" : "none: " + left.error().message);
    return facts;
}

Result<int> ProcessConfinement::open_certificate(const std::string& path) {
    return keeper_ ? keeper_->open(path) : server::open_file(path);
}

}  // namespace ringmx::tools
