#include "digest/sha256.hpp"

#include <openssl/evp.h>

#include "base/assert.hpp"

namespace ringmx {
namespace {

// Looked up once: looking it up by name takes a lock.
const EVP_MD* method() {
    static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return found;
}

}  // namespace

// Nothing here fails but for want of memory, or of an OpenSSL that knows SHA-256.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    RMX_ASSERT(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), method(), nullptr) == 1);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
    RMX_ASSERT(context_ != nullptr && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1);
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
    EVP_MD_CTX_free(context);
}

void Sha256::add(Bytes bytes) {
    RMX_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Sha256::Digest Sha256::finish() {
    Digest digest;
    unsigned octets = 0;
    RMX_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), &octets) == 1 && octets == digest.size());
    return digest;
}

std::string to_hex(const Sha256::Digest& digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (const std::uint8_t octet : digest) {
        text += kDigits[octet >> 4];
        text += kDigits[octet & 15];
    }
    return text;
}

std::string sha256_hex(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return to_hex(hash.finish());
}

}  // namespace ringmx
