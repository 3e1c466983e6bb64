// The account that a server started as root goes on as once its ports are bound.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/result.hpp"

namespace ringmx::confine {

struct Account {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
};

// `group` empty: the user's own. The error names what does not exist; root is no account to go on as.
Result<Account> find_account(const std::string& user, const std::string& group);

// The whole process, every thread: groups, group and user, saved ones included, and with them all
// capabilities. There is no way back, which is checked.
Status become(const Account& account);

// What a process that is not root was given one by one, to bind ports below 1024 for example: the calling
// thread, and those it starts later, have none from here on.
Status drop_capabilities();

}  // namespace ringmx::confine
