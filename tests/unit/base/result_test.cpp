// Result: a value or an error, never neither.
#include "base/result.hpp"

#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

namespace ringmx {
namespace {

TEST(Result, HoldsAValue) {
    Result<int> result = 7;
    EXPECT_TRUE(result.ok());
    EXPECT_TRUE(static_cast<bool>(result));
    EXPECT_EQ(*result, 7);
    *result = 8;
    EXPECT_EQ(result.value(), 8);
}

TEST(Result, HoldsAnError) {
    const Result<int> result = Error{ENOENT, "x"};
    EXPECT_FALSE(result.ok());
    EXPECT_FALSE(static_cast<bool>(result));
    EXPECT_EQ(result.error().code, ENOENT);
    EXPECT_EQ(result.error().message, "x");
}

TEST(Result, ValueThatCannotBeCopiedIsMovedOut) {
    Result<std::unique_ptr<std::string>> result = std::make_unique<std::string>("abc");
    EXPECT_EQ((*result)->size(), 3u);
    const std::unique_ptr<std::string> taken = std::move(*result);
    EXPECT_EQ(*taken, "abc");
}

TEST(Result, StatusOfNothingIsOk) {
    EXPECT_TRUE(ok_status().ok());
    const Status failed = Error{0, "no"};
    EXPECT_FALSE(failed.ok());
}

TEST(Result, SystemErrorNamesTheThingAndTheReason) {
    const Error error = system_error(ENOSPC, "/var/spool/x");
    EXPECT_EQ(error.code, ENOSPC);
    EXPECT_EQ(error.message, "/var/spool/x: No space left on device");
    EXPECT_NE(system_error(99999, "x").message.find("99999"), std::string::npos);
}

TEST(ResultDeathTest, WrongSideIsAnInvariantBroken) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const Result<int> value = 1;
    const Result<int> error = Error{1, "x"};
    EXPECT_DEATH((void)value.error(), "invariant broken: !ok\\(\\)");
    EXPECT_DEATH((void)error.value(), "invariant broken: ok\\(\\)");
}

}  // namespace
}  // namespace ringmx
