// SHA-256 (FIPS 180-4), for names that must differ where what they stand for differs. Not for bulk data.
#pragma once

#include <string>
#include <string_view>

namespace ringmx::storage {

// 64 hexadecimal digits in lower case.
std::string sha256_hex(std::string_view text);

}  // namespace ringmx::storage
