#include "storage/plugin/view.hpp"

#include <algorithm>
#include <cstring>

#include "message/envelope.hpp"

namespace ringmx::storage::plugin {
namespace {

// The numbers of the envelope are those of the ABI, so that they need no translation.
static_assert(envelope_flags::esmtp == RINGMX_ESMTP && envelope_flags::smtputf8 == RINGMX_SMTPUTF8 &&
              envelope_flags::body_8bit == RINGMX_8BITMIME &&
              envelope_flags::body_binary == RINGMX_BINARYMIME && envelope_flags::tls == RINGMX_TLS &&
              envelope_flags::requiretls == RINGMX_REQUIRETLS &&
              envelope_flags::tls_at_proxy == RINGMX_TLS_AT_PROXY &&
              envelope_flags::tls_client_verified == RINGMX_TLS_CLIENT_VERIFIED);
static_assert(notify_flags::never == RINGMX_NOTIFY_NEVER && notify_flags::success == RINGMX_NOTIFY_SUCCESS &&
              notify_flags::failure == RINGMX_NOTIFY_FAILURE && notify_flags::delay == RINGMX_NOTIFY_DELAY);

// Most messages have fewer; the lists of those with more are not kept.
constexpr std::size_t kEntriesKept = 64;

ringmx_bytes view_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void set_client(ringmx_message& message, const PeerAddress& client) {
    message.client_port = client.port;
    if (client.family == PeerAddress::Family::ipv6) {
        std::copy(client.bytes.begin(), client.bytes.end(), message.client_address);
        return;
    }
    message.client_address[10] = message.client_address[11] = 0xff;  // ::ffff:a.b.c.d, RFC 4291 §2.5.5.2
    std::copy_n(client.bytes.begin(), 4, message.client_address + 12);
}

// Values of one octet and more, so that a short one is an error and a longer one is from a later version.
template <typename T>
bool load(Bytes value, T& out) {
    if (value.size() < sizeof out) return false;
    out = load_le<T>(value.data());
    return true;
}

}  // namespace

bool MessageView::build(const MessageId& id, std::uint64_t token, Bytes envelope,
                        std::span<const Bytes> spans) {
    clear();
    message_ = ringmx_message{};
    message_.size = sizeof message_;
    std::copy(id.bytes.begin(), id.bytes.end(), message_.id);
    const MessageId::Text text = id.text();
    static_assert(sizeof message_.id_text > text.size());
    std::copy(text.begin(), text.end(), message_.id_text);
    message_.token = token;
    if (!read_envelope(envelope) || recipients_.empty()) return false;
    message_.recipients = recipients_.data();
    message_.recipient_count = static_cast<std::uint32_t>(recipients_.size());

    for (const Bytes span : spans) {
        if (span.empty()) continue;
        spans_.push_back(view_of(span));
        message_.octets += span.size();
    }
    if (spans_.empty()) spans_.push_back({"", 0});
    message_.spans = spans_.data();
    message_.span_count = static_cast<std::uint32_t>(spans_.size());
    return true;
}

bool MessageView::read_envelope(Bytes envelope) {
    EnvelopeReader reader(envelope);
    bool good = true;
    std::uint8_t octet = 0;
    while (const auto record = reader.next()) {
        switch (record->field) {
            case EnvelopeField::client: {
                const auto client = decode_client(record->value);
                good = good && client.has_value();
                if (client) set_client(message_, *client);
                break;
            }
            case EnvelopeField::client_name:
                message_.client_name = view_of(record->value);
                break;
            case EnvelopeField::flags:
                good = load(record->value, message_.flags) && good;
                break;
            case EnvelopeField::received_us:
                good = load(record->value, message_.received_us) && good;
                break;
            case EnvelopeField::reverse_path:
                message_.reverse_path = view_of(record->value);
                break;
            case EnvelopeField::envid:
                message_.envid = view_of(record->value);
                break;
            case EnvelopeField::ret:
                good = load(record->value, octet) && good;
                message_.ret = octet;
                break;
            case EnvelopeField::forward_path:
                recipients_.push_back({sizeof(ringmx_recipient), 0, view_of(record->value), {}});
                break;
            case EnvelopeField::orcpt:
                if (recipients_.empty()) return false;
                recipients_.back().orcpt = view_of(record->value);
                break;
            case EnvelopeField::notify:
                if (recipients_.empty() || !load(record->value, octet)) return false;
                recipients_.back().notify = octet;
                break;
            default:
                break;  // declared_size tells a backend nothing; later fields are skipped
        }
    }
    return good && !reader.malformed();
}

void MessageView::clear() {
    recipients_.clear();
    spans_.clear();
    if (recipients_.capacity() > kEntriesKept) recipients_.shrink_to_fit();
    if (spans_.capacity() > kEntriesKept) spans_.shrink_to_fit();
}

}  // namespace ringmx::storage::plugin
