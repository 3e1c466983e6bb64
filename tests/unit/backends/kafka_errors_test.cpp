#include <gtest/gtest.h>

#include "kafka/errors.hpp"

namespace ringmx::kafka {
namespace {

// The table of docs/backends.md.
TEST(KafkaErrors, OnlyTheRecordsOwnFaultRefusesForGood) {
    EXPECT_EQ(status_of(RD_KAFKA_RESP_ERR_NO_ERROR), RINGMX_STORED);
    for (int code = -250; code < 200; ++code) {
        const auto error = static_cast<rd_kafka_resp_err_t>(code);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        const bool refused =
            error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
        EXPECT_EQ(status_of(error), refused ? RINGMX_REJECT : RINGMX_RETRY) << rd_kafka_err2str(error);
    }
}

}  // namespace
}  // namespace ringmx::kafka
