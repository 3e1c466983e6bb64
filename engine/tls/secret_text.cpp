#include "tls/secret_text.hpp"

#include <openssl/crypto.h>

namespace ringmx::tls {

void cleanse(void* octets, std::size_t count) {
    OPENSSL_cleanse(octets, count);
}

}  // namespace ringmx::tls
