#include "confine/paths.hpp"

#include <cerrno>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/descriptor.hpp"

namespace ringmx::confine {

namespace {

// Debian 12's headers end at version 1 of the interface (kernel 6.1: 2).
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;          // since 2
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;       // since 3
constexpr std::uint64_t kDeviceControl = std::uint64_t{1} << 15;  // since 5
constexpr std::uint64_t kBindTcp = 1;                             // since 4
constexpr std::uint64_t kConnectTcp = 2;
constexpr std::uint64_t kScopeAbstractUnix = 1;  // since 6
constexpr std::uint64_t kScopeSignal = 2;
constexpr int kVersionTruncate = 3, kVersionNetwork = 4, kVersionDevices = 5, kVersionScopes = 6;

struct RulesetAttributes {
    std::uint64_t handled_access_fs;
    std::uint64_t handled_access_net;
    std::uint64_t scoped;
};

constexpr std::uint64_t kRead =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kChange = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | kTruncate |
                                  kRefer;
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | kDeviceControl;
// What a rule for a file, not a folder, may grant.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                   LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kDeviceControl;

std::uint64_t handled_by(int version) {
    std::uint64_t handled = kRead | kChange | kNever;
    if (version < 2) handled &= ~kRefer;
    if (version < kVersionTruncate) handled &= ~kTruncate;
    if (version < kVersionDevices) handled &= ~kDeviceControl;
    return handled;
}

Status add_rule(int ruleset, const PathRule& rule, std::uint64_t handled) {
    const Descriptor path(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
    if (path.get() < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return ok_status();
        return system_error(errno, rule.path);
    }
    struct stat found {};
    if (fstat(path.get(), &found) != 0) return system_error(errno, rule.path);
    landlock_path_beneath_attr beneath{};
    beneath.parent_fd = path.get();
    beneath.allowed_access = (rule.access == Access::write ? kRead | kChange : kRead) & handled;
    if (!S_ISDIR(found.st_mode)) beneath.allowed_access &= kOfFiles;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        return system_error(errno, "Landlock: " + rule.path);
    return ok_status();
}

}  // namespace

int landlock_version() {
    const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? 0 : static_cast<int>(version);
}

Result<std::string> restrict_paths(const std::vector<PathRule>& rules, const NetworkRule& network) {
    const int version = landlock_version();
    if (version == 0) return system_error(errno, "Landlock");
    RulesetAttributes attributes{handled_by(version), 0, 0};
    std::size_t octets = sizeof attributes.handled_access_fs;
    if (version >= kVersionNetwork) {
        octets += sizeof attributes.handled_access_net;
        attributes.handled_access_net = (network.bind ? 0 : kBindTcp) | (network.connect ? 0 : kConnectTcp);
    }
    if (version >= kVersionScopes) {
        octets += sizeof attributes.scoped;
        attributes.scoped = kScopeAbstractUnix | kScopeSignal;
    }
    const Descriptor ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, octets, 0)));
    if (ruleset.get() < 0) return system_error(errno, "Landlock");
    for (const PathRule& rule : rules) {
        if (Status added = add_rule(ruleset.get(), rule, attributes.handled_access_fs); !added)
            return added.error();
    }
    if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return system_error(errno, "Landlock");
    std::string enforced = "paths";
    if (attributes.handled_access_net != 0) enforced += " and TCP";
    return enforced;
}

Status no_new_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error(errno, "no_new_privs");
    return ok_status();
}

}  // namespace ringmx::confine
