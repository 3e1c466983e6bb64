#include "base/result.hpp"

#include <cstring>

namespace ringmx {

Error system_error(int code, std::string what) {
    char text[128];
    what += ": ";
    what += strerror_r(code, text, sizeof text);  // GNU variant
    return Error{code, std::move(what)};
}

}  // namespace ringmx
