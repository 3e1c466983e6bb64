// What an error of Kafka means for a message. Only what the record itself is to blame for refuses it for
// good: anything else, wrong configuration included, can be put right while the mail waits.
#pragma once

#include <librdkafka/rdkafka.h>

#include "ringmx/backend.hpp"

namespace ringmx::kafka {

// Of a record that was not delivered.
constexpr plugin::Status status_of(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return RINGMX_STORED;
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:    // the broker, or a schema check in it, will never take it
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:  // nor this
            return RINGMX_REJECT;
        default:
            return RINGMX_RETRY;
    }
}

}  // namespace ringmx::kafka
