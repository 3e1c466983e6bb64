// Authorities by which the certificates of clients are verified (tls.client_authorities).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct x509_store_st;

namespace ringmx::tls {

struct StoreDeleter {
    void operator()(x509_store_st* store) const;
};
using StorePointer = std::unique_ptr<x509_store_st, StoreDeleter>;

// Of certificates in PEM, of which at least one must be there. Each is trusted as it stands, an intermediate
// one or a client's own, too. The error is a sentence's end.
Result<StorePointer> make_store(std::string_view pem);
Status check_authorities(std::string_view pem);

}  // namespace ringmx::tls
