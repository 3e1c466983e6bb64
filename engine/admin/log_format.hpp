// Log records as JSON lines: one object a line, described in docs/operations.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/json.hpp"
#include "admin/log_record.hpp"

namespace ringmx::admin {

// A member of an event's line beside the fixed ones; the name is a literal of ours, the value any text.
struct LogField {
    std::string_view name;
    std::string_view value;
};

constexpr std::size_t kLogRecipientsShown = 4;

std::string_view to_string(LogLevel level);

// Appends one line, LF included. One thread per object.
class LogFormat {
 public:
    void append(std::string& out, const TransactionRecord& record);
    void append(std::string& out, const EventRecord& record);
    // An event of the process rather than of a core.
    void append(std::string& out, std::int64_t wall_us, LogLevel level, std::string_view event,
                std::string_view text, std::span<const LogField> fields);

 private:
    void begin(JsonWriter& json, std::int64_t wall_us, LogLevel level, std::string_view event);

    TimeFormat time_;
    std::string time_text_;
};

}  // namespace ringmx::admin
