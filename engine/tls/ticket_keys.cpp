#include "tls/ticket_keys.hpp"

#include <cstring>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "tls/secret_text.hpp"

namespace ringmx::tls {

namespace {

bool make_key(TicketKey& key) {
    const bool made = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                      RAND_priv_bytes(key.cipher_key.data(), static_cast<int>(key.cipher_key.size())) == 1 &&
                      RAND_priv_bytes(key.mac_key.data(), static_cast<int>(key.mac_key.size())) == 1;
    if (!made) ERR_clear_error();
    return made;
}

}  // namespace

TicketKey::~TicketKey() {
    cleanse(this, sizeof *this);
}

std::shared_ptr<TicketKeys> TicketKeys::create() {
    std::shared_ptr<TicketKeys> keys(new TicketKeys);
    return make_key(keys->current_) ? keys : nullptr;
}

bool TicketKeys::rotate() {
    TicketKey fresh{};
    if (!make_key(fresh)) return false;
    const std::lock_guard lock(mutex_);
    previous_ = current_;
    current_ = fresh;
    has_previous_ = true;
    return true;
}

TicketKey TicketKeys::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

std::optional<TicketKeys::Found> TicketKeys::find(const unsigned char* name) const {
    const std::lock_guard lock(mutex_);
    if (std::memcmp(name, current_.name.data(), current_.name.size()) == 0) return Found{current_, true};
    if (has_previous_ && std::memcmp(name, previous_.name.data(), previous_.name.size()) == 0)
        return Found{previous_, false};
    return std::nullopt;
}

}  // namespace ringmx::tls
