// Result<T>: a value or an Error, for everything that can fail past start-up and for start-up itself.
// An Error carries an errno-style code (0 where none applies) and a sentence for a person.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/assert.hpp"

namespace ringmx {

struct Error {
    int code = 0;         // errno, or 0
    std::string message;  // one sentence, no trailing full stop, names the file or key concerned
};

template <typename T>
class [[nodiscard]] Result {
 public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by intent
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by intent

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() {
        RMX_ASSERT(ok());
        return std::get<0>(state_);
    }
    const T& value() const {
        RMX_ASSERT(ok());
        return std::get<0>(state_);
    }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const {
        RMX_ASSERT(!ok());
        return std::get<1>(state_);
    }

 private:
    std::variant<T, Error> state_;
};

// Result of an operation that yields nothing.
using Status = Result<std::monostate>;
inline Status ok_status() {
    return Status(std::monostate{});
}

// An Error from errno: "WHAT: strerror(code)".
Error system_error(int code, std::string what);

}  // namespace ringmx
