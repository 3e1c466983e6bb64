#include "tls/authorities.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/certificate.hpp"
#include "tls/failure.hpp"

namespace ringmx::tls {

void StoreDeleter::operator()(x509_store_st* store) const {
    X509_STORE_free(store);
}

Result<StorePointer> make_store(std::string_view pem) {
    ERR_clear_error();
    StorePointer store(X509_STORE_new());
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    bool added = store != nullptr && bio != nullptr;
    std::size_t count = 0;
    while (added) {
        const X509Pointer one(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
        if (!one) break;
        added = X509_STORE_add_cert(store.get(), one.get()) == 1;
        ++count;
    }
    BIO_free(bio);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!added) return Error{0, "cannot be used: " + take_error_text()};
    if (!at_end) return Error{0, "has a certificate that cannot be read: " + take_error_text()};
    ERR_clear_error();
    if (count == 0) return Error{0, "holds no certificate in PEM"};
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

Status check_authorities(std::string_view pem) {
    const auto store = make_store(pem);
    if (!store) return store.error();
    return ok_status();
}

}  // namespace ringmx::tls
