#include "tls/failure.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace ringmx::tls {

namespace {

Failure failure_of(int reason) {
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_VERSION_TOO_HIGH:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_UNKNOWN_PROTOCOL:
        case SSL_R_INAPPROPRIATE_FALLBACK:
            return Failure::version;
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_GROUPS:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        case SSL_R_NO_CIPHERS_SPECIFIED:
            return Failure::no_shared_cipher;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return Failure::not_tls;
        case ERR_R_MALLOC_FAILURE:
            return Failure::memory;
        default:
            return reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255 ? Failure::alert
                                                                                          : Failure::protocol;
    }
}

}  // namespace

std::string_view to_string(Failure failure) {
    switch (failure) {
        case Failure::none:
            return "none";
        case Failure::not_tls:
            return "not-tls";
        case Failure::version:
            return "version";
        case Failure::no_shared_cipher:
            return "no-shared-cipher";
        case Failure::alert:
            return "alert";
        case Failure::protocol:
            return "protocol";
        case Failure::memory:
            return "memory";
        case Failure::timed_out:
            return "timed-out";
        case Failure::lost:
            return "lost";
    }
    return "";
}

// The first error is the cause; those behind it say through which functions it came.
Diagnosis take_diagnosis() {
    const unsigned long error = ERR_peek_error();
    Diagnosis diagnosis;
    if (error != 0) {
        diagnosis.failure = failure_of(ERR_GET_REASON(error));
        if (const char* text = ERR_reason_error_string(error)) diagnosis.text = text;
    }
    ERR_clear_error();
    return diagnosis;
}

std::string take_error_text() {
    std::string text;
    while (const unsigned long error = ERR_get_error()) {
        const char* reason = ERR_reason_error_string(error);
        text.append(text.empty() ? "" : ", ").append(reason != nullptr ? reason : "unknown error");
    }
    return text.empty() ? "unknown error" : text;
}

}  // namespace ringmx::tls
