#include "proxy/decoder.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "proxy/wire.hpp"

namespace ringmx::proxy {

std::string_view to_string(Failure failure) {
    switch (failure) {
        case Failure::none:
            return "none";
        case Failure::absent:
            return "absent";
        case Failure::malformed:
            return "malformed";
        case Failure::too_long:
            return "too-long";
        case Failure::checksum:
            return "checksum";
    }
    return "";
}

std::string_view describe(Failure failure) {
    switch (failure) {
        case Failure::none:
            return "";
        case Failure::absent:
            return "the connection does not begin with a PROXY header; see proxy.networks";
        case Failure::malformed:
            return "the PROXY header is not well-formed";
        case Failure::too_long:
            return "the PROXY header is longer than allowed";
        case Failure::checksum:
            return "the PROXY header's CRC32C is not that of its octets";
    }
    return "";
}

std::size_t Decoder::feed(Bytes input) {
    std::size_t taken = 0;
    while (state_ == State::more && taken < input.size()) {
        const Bytes piece = next_piece(input.subspan(taken));
        RMX_ASSERT(!piece.empty());
        octets_.insert(octets_.end(), piece.begin(), piece.end());
        taken += piece.size();
        look();
    }
    return taken;
}

// As much of the input as may belong to the header by what is known of it, and no more.
Bytes Decoder::next_piece(Bytes input) const {
    switch (version_) {
        case Version::unknown:
            return input.first(1);
        case Version::text: {
            const Bytes window =
                input.first(std::min(input.size(), limits::proxy_header_v1_octets_max - octets_.size()));
            const auto lf = std::find(window.begin(), window.end(), std::byte{'\n'});
            return lf == window.end() ? window
                                      : window.first(static_cast<std::size_t>(lf - window.begin()) + 1);
        }
        case Version::binary:
            break;
    }
    return input.first(std::min(input.size(), wanted_ - octets_.size()));
}

void Decoder::look() {
    switch (version_) {
        case Version::unknown:
            return look_for_version();
        case Version::text:
            return look_at_text();
        case Version::binary:
            return look_at_binary();
    }
}

void Decoder::look_for_version() {
    const std::string_view begin = as_text(octets_);
    if (kTextSignature.starts_with(begin)) {
        if (begin.size() == kTextSignature.size()) version_ = Version::text;
    } else if (kBinarySignature.starts_with(begin)) {
        if (begin.size() < kBinarySignature.size()) return;
        version_ = Version::binary;
        wanted_ = kBinaryHeadOctets;
    } else {
        finish(Failure::absent);
    }
}

void Decoder::look_at_text() {
    if (octets_.back() == std::byte{'\n'}) return finish(parse_text_header(as_text(octets_), header_));
    if (octets_.size() == limits::proxy_header_v1_octets_max) finish(Failure::too_long);
}

void Decoder::look_at_binary() {
    if (octets_.size() < wanted_) return;
    if (octets_.size() == kBinaryHeadOctets) {
        const Failure failure = parse_binary_head(octets_, wanted_);
        if (failure != Failure::none) return finish(failure);
        if (octets_.size() < wanted_) return octets_.reserve(wanted_);
    }
    finish(parse_binary_header(octets_, header_));
}

void Decoder::finish(Failure failure) {
    failure_ = failure;
    state_ = failure == Failure::none ? State::done : State::failed;
}

}  // namespace ringmx::proxy
