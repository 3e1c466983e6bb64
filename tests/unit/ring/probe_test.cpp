// The probe must find what this machine's kernel has, and explain a refusal in words that help.
#include "ring/probe.hpp"

#include <cerrno>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ringmx::ring
