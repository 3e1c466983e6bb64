// The probe must find what this machine's kernel has, and explain a refusal in words that help.
#include "ring/probe.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "ring/refusal.hpp"
#include "ring/ring.hpp"

namespace ringmx::ring {
namespace {

// Whoever runs the tests can run a ring; every feature found must also be named in the summary.
TEST(Probe, FindsWhatTheServerNeeds) {
    const auto found = probe_kernel();
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_TRUE(found->io_uring);
    EXPECT_TRUE(found->missing().empty()) << found->missing().front();
    const std::string summary = found->summary();
    EXPECT_EQ(summary.find(found->release + ":"), 0u);
    EXPECT_NE(summary.find(" multishot_receive"), std::string::npos);
    EXPECT_EQ(summary.find(" min_wait") != std::string::npos, found->min_wait);
    EXPECT_EQ(summary.find(" message_ring") != std::string::npos, found->message_ring);
    EXPECT_EQ(summary.find(" receive_limit") != std::string::npos, found->receive_limit);
}

TEST(Probe, AgreesWithWhatARingReports) {
    const auto found = probe_kernel();
    ASSERT_TRUE(found.ok());
    RingOptions options;
    options.submission_entries = 8;
    auto ring = Ring::create(options);
    ASSERT_TRUE(ring.ok());
    EXPECT_EQ(found->min_wait, ((*ring)->raw()->features & (1u << 15)) != 0);
    EXPECT_EQ(found->no_iowait, ((*ring)->raw()->features & (1u << 17)) != 0);
    EXPECT_EQ(found->defer_taskrun, ((*ring)->raw()->flags & IORING_SETUP_DEFER_TASKRUN) != 0);
}

TEST(Probe, MissingFeaturesAreSentences) {
    KernelFeatures nothing;
    nothing.release = "5.15";
    EXPECT_EQ(nothing.missing().size(), 3u);
    EXPECT_EQ(nothing.summary(), "5.15: no io_uring");
}

TEST(Refusal, SaysWhatToChange) {
    EXPECT_NE(refusal(EPERM).message.find("io_uring"), std::string::npos);
    EXPECT_NE(refusal(ENOSYS).message.find("kernel"), std::string::npos);
    EXPECT_NE(refusal(ENOMEM).message.find("LimitMEMLOCK"), std::string::npos);
    EXPECT_NE(refusal(EMFILE).message.find("LimitNOFILE"), std::string::npos);
    EXPECT_EQ(refusal(EINVAL).code, EINVAL);
    EXPECT_NE(refusal(EINVAL).message.find("Invalid argument"), std::string::npos);
}

// From now on this process is refused io_uring, as a container's seccomp profile does it.
void refuse_io_uring(std::uint32_t error) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(program), program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        std::_Exit(9);
    }
}

// Exits with 3 if both the probe and the ring were refused, and says why.
[[noreturn]] void probe_refused(std::uint32_t error) {
    refuse_io_uring(error);
    const auto found = probe_kernel();
    const auto ring = Ring::create({});
    if (!found.ok()) std::fprintf(stderr, "%s\n", found.error().message.c_str());
    std::_Exit(!found.ok() && !ring.ok() && found.error().message == ring.error().message ? 3 : 0);
}

TEST(RefusalDeathTest, SeccompIsNamed) {
    EXPECT_EXIT(probe_refused(EPERM), ::testing::ExitedWithCode(3), "seccomp");
}

TEST(RefusalDeathTest, KernelWithoutIoUringIsNamed) {
    EXPECT_EXIT(probe_refused(ENOSYS), ::testing::ExitedWithCode(3), "CONFIG_IO_URING");
}

TEST(RefusalDeathTest, MemoryLimitIsNamed) {
    EXPECT_EXIT(probe_refused(ENOMEM), ::testing::ExitedWithCode(3), "LimitMEMLOCK");
}

}  // namespace
}  // namespace ringmx::ring
