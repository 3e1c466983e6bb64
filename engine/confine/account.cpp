#include "confine/account.hpp"

#include <cerrno>
#include <optional>
#include <vector>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringmx::confine {

namespace {

constexpr std::size_t kRecordOctetsMax = std::size_t{1} << 20;  // of a user or group in the system's database

// Calls `look(buffer)` with ever larger buffers while it says ERANGE.
template <typename Look>
int with_buffer(Look look) {
    std::vector<char> buffer(4096);
    int error = 0;
    while ((error = look(buffer)) == ERANGE && buffer.size() < kRecordOctetsMax)
        buffer.resize(buffer.size() * 2);
    return error;
}

}  // namespace

Result<Account> find_account(const std::string& user, const std::string& group) {
    std::optional<Account> account;
    int error = with_buffer([&](std::vector<char>& buffer) {
        passwd record{};
        passwd* found = nullptr;
        const int result = getpwnam_r(user.c_str(), &record, buffer.data(), buffer.size(), &found);
        if (found != nullptr) account = Account{user, found->pw_uid, found->pw_gid};
        return result;
    });
    if (error != 0) return system_error(error, "user \"" + user + "\"");
    if (!account) return Error{0, "user \"" + user + "\" does not exist"};
    if (!group.empty()) {
        bool known = false;
        error = with_buffer([&](std::vector<char>& buffer) {
            ::group record{};
            ::group* found = nullptr;
            const int result = getgrnam_r(group.c_str(), &record, buffer.data(), buffer.size(), &found);
            known = found != nullptr;
            if (known) account->group = found->gr_gid;
            return result;
        });
        if (error != 0) return system_error(error, "group \"" + group + "\"");
        if (!known) return Error{0, "group \"" + group + "\" does not exist"};
    }
    if (account->user == 0) return Error{0, "user \"" + user + "\" is root: name one without privileges"};
    return *account;
}

Status become(const Account& account) {
    if (initgroups(account.name.c_str(), account.group) != 0) return system_error(errno, "setting groups");
    if (setresgid(account.group, account.group, account.group) != 0)
        return system_error(errno, "changing to the group of \"" + account.name + "\"");
    if (setresuid(account.user, account.user, account.user) != 0)
        return system_error(errno, "changing to user \"" + account.name + "\"");
    if (setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) == 0)
        return Error{0, "the privileges of root were not lost"};
    return ok_status();
}

Status drop_capabilities() {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[2]{};
    if (syscall(SYS_capset, &header, none) != 0) return system_error(errno, "giving up capabilities");
    return ok_status();
}

}  // namespace ringmx::confine
