// A descriptor is closed once, by its last owner.
#include "base/descriptor.hpp"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace ringmx {
namespace {

int open_something() {
    return ::open("/", O_RDONLY | O_CLOEXEC);
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(Descriptor, IsClosedWithItsOwner) {
    int fd = -1;
    {
        const Descriptor owner(open_something());
        fd = owner.get();
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, AMoveLeavesNothingBehind) {
    int fd = -1;
    {
        Descriptor first(open_something());
        fd = first.get();
        const Descriptor second(std::move(first));
        EXPECT_EQ(first.get(), -1);
        EXPECT_EQ(second.get(), fd);
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, AnAssignmentClosesWhatWasOwnedBefore) {
    Descriptor owner(open_something());
    const int before = owner.get();
    const int after = open_something();
    owner = Descriptor(after);
    EXPECT_EQ(owner.get(), after);
    EXPECT_TRUE(is_open(after));
    EXPECT_FALSE(is_open(before));
}

TEST(Descriptor, WhatWasReleasedStaysOpen) {
    int fd = -1;
    {
        Descriptor owner(open_something());
        fd = owner.release();
        EXPECT_EQ(owner.get(), -1);
    }
    EXPECT_TRUE(is_open(fd));
    ::close(fd);
}

TEST(Descriptor, AnErrorInItsPlaceIsKept) {
    Descriptor refused(-ENOENT);
    EXPECT_EQ(Descriptor(std::move(refused)).get(), -ENOENT);
}

}  // namespace
}  // namespace ringmx
