#include "confine/account.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "in_child.hpp"

namespace ringmx::confine {
namespace {

TEST(Account, IsFoundByName) {
    const auto nobody = find_account("nobody", "");
    ASSERT_TRUE(nobody.ok()) << nobody.error().message;
    EXPECT_NE(nobody->user, 0u);
    const auto with_group = find_account("nobody", "daemon");
    ASSERT_TRUE(with_group.ok()) << with_group.error().message;
    EXPECT_EQ(with_group->user, nobody->user);
    EXPECT_NE(with_group->group, nobody->group);
}

TEST(Account, WhatDoesNotExistIsNamed) {
    const auto user = find_account("no-such-user", "");
    ASSERT_FALSE(user.ok());
    EXPECT_EQ(user.error().message, "user \"no-such-user\" does not exist");
    const auto group = find_account("nobody", "no-such-group");
    ASSERT_FALSE(group.ok());
    EXPECT_EQ(group.error().message, "group \"no-such-group\" does not exist");
}

TEST(Account, RootIsNone) {
    const auto root = find_account("root", "");
    ASSERT_FALSE(root.ok());
    EXPECT_NE(root.error().message.find("without privileges"), std::string::npos);
}

TEST(Account, BecomingItIsForGood) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const int result = in_child([] {
        const auto nobody = find_account("nobody", "");
        if (!become(*nobody).ok()) return 1;
        if (getuid() != nobody->user || geteuid() != nobody->user) return 2;
        if (getgid() != nobody->group || getegid() != nobody->group) return 3;
        if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) return 4;
        if (access("/proc/1/environ", R_OK) == 0) return 5;
        return 0;
    });
    EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace ringmx::confine
