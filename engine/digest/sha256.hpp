// SHA-256 (FIPS 180-4), over OpenSSL: for names that must differ where what they stand for differs, and for
// comparing mail in tools. A copy of the object is a snapshot: hash a common beginning once, and copy it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace ringmx {

// Objects that were moved from, or finished, are there to be destroyed or assigned to.
class Sha256 {
 public:
    using Digest = std::array<std::uint8_t, 32>;

    Sha256();
    Sha256(const Sha256& other);
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(Sha256 other) noexcept {
        context_.swap(other.context_);
        return *this;
    }
    ~Sha256() = default;

    void add(Bytes bytes);
    void add(std::string_view text) { add(as_bytes(text)); }
    Digest finish();  // ends the message

 private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Lower case hexadecimal.
std::string to_hex(const Sha256::Digest& digest);
// Of a whole text, 64 digits.
std::string sha256_hex(std::string_view text);

}  // namespace ringmx
