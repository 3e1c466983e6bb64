// Writing JSON (RFC 8259) into a string: enough for log lines and status answers. Any bytes may be given as
// text; what is not UTF-8 becomes U+FFFD, so that a client cannot make a line that is not JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringmx::admin {

// Appends `text` with its quotes and escapes.
void append_json_string(std::string& out, std::string_view text);

// Objects and arrays with the commas in place. Names are literals of our own and need no escapes.
class JsonWriter {
 public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    void begin_object(std::string_view name = {}) { open(name, '{'); }
    void end_object() { close('}'); }
    void begin_array(std::string_view name = {}) { open(name, '['); }
    void end_array() { close(']'); }

    void text(std::string_view name, std::string_view value);
    void number(std::string_view name, std::uint64_t value);
    void boolean(std::string_view name, bool value);
    // Microseconds as milliseconds with three decimals: 1234 is 1.234.
    void milliseconds(std::string_view name, std::int64_t microseconds);
    // An element of an array.
    void element(std::string_view value) { text({}, value); }
    // Ready-made JSON as a member.
    void raw(std::string_view name, std::string_view json);

 private:
    void open(std::string_view name, char bracket);
    void close(char bracket);
    // Comma if needed, name, colon, and room for so many octets behind them, which is returned.
    char* member(std::string_view name, std::size_t octets = 0);

    std::string& out_;
    bool first_ = true;  // of its object or array
};

void append_number(std::string& out, std::uint64_t value);

// Appends the time as RFC 3339 in UTC with microseconds: "2026-11-23T16:05:30.000001Z". One thread per
// object: the part that changes once a second is kept.
class TimeFormat {
 public:
    void append(std::string& out, std::int64_t wall_us);

 private:
    std::int64_t second_ = -1;
    std::string prefix_;  // "2026-11-23T16:05:30"
};

}  // namespace ringmx::admin
