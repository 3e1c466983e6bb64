#include "tls/span_bio.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <openssl/bio.h>

#include "base/limits.hpp"

namespace ringmx::tls {

namespace {

constexpr std::size_t kRecordHeaderOctets = 5;

// OpenSSL asks for a record's header and then for exactly its rest: what it did not get is what it waits for.
// No rest of an encrypted record is as short as a header.
int read_ciphertext(BIO* bio, char* to, std::size_t wanted, std::size_t* got) {
    auto& ends = *static_cast<SpanBio*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t count = std::min(wanted, ends.input.size());
    if (ends.octets_missing == 0) ends.in_header = wanted == kRecordHeaderOctets;
    *got = count;
    ends.in_record = ends.in_header ? ends.octets_missing != 0 || count > 0 : count < wanted;
    ends.octets_missing = ends.in_record ? wanted - count : 0;
    if (count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    std::memcpy(to, ends.input.data(), count);
    ends.input = ends.input.subspan(count);
    return 1;
}

int write_ciphertext(BIO* bio, const char* from, std::size_t octets, std::size_t* written) {
    auto& ends = *static_cast<SpanBio*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *written = 0;
    Bytes rest{reinterpret_cast<const std::byte*>(from), octets};
    if (ends.kept.empty()) {
        const std::size_t count = std::min(rest.size(), ends.output.size());
        if (count > 0) std::memcpy(ends.output.data(), rest.data(), count);
        ends.output = ends.output.subspan(count);
        rest = rest.subspan(count);
    }
    if (!rest.empty()) {
        if (ends.kept_octets() + rest.size() > limits::tls_kept_octets_max) return 0;
        try {
            if (ends.kept_begin >=
                ends.kept_octets()) {  // what was taken makes room, before more memory does
                ends.kept.erase(ends.kept.begin(),
                                ends.kept.begin() + static_cast<std::ptrdiff_t>(ends.kept_begin));
                ends.kept_begin = 0;
            }
            ends.kept.insert(ends.kept.end(), rest.begin(), rest.end());
        } catch (const std::bad_alloc&) {
            return 0;
        }
    }
    *written = octets;
    return 1;
}

long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
        BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ringmx span");
        if (fresh == nullptr) return fresh;
        BIO_meth_set_read_ex(fresh, read_ciphertext);
        BIO_meth_set_write_ex(fresh, write_ciphertext);
        BIO_meth_set_ctrl(fresh, control);
        return fresh;
    }();
    return made;
}

}  // namespace

std::size_t SpanBio::take_kept(MutableBytes out) {
    const std::size_t count = std::min(out.size(), kept_octets());
    if (count == 0) return 0;
    std::memcpy(out.data(), kept.data() + kept_begin, count);
    kept_begin += count;
    if (kept_octets() == 0) {
        std::vector<std::byte>().swap(kept);
        kept_begin = 0;
    }
    return count;
}

bio_st* make_span_bio(SpanBio& ends) {
    BIO* bio = method() == nullptr ? nullptr : BIO_new(method());
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, &ends);
    BIO_set_init(bio, 1);
    return bio;
}

}  // namespace ringmx::tls
