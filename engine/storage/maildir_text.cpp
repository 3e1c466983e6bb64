#include "storage/maildir_text.hpp"

#include <algorithm>
#include <cerrno>

#include "message/envelope.hpp"

namespace ringmx::storage {

std::string maildir_host(std::string_view hostname) {
    std::string host;
    for (const char octet : hostname) {
        if (octet == '/') {
            host += "\\057";
        } else if (octet == ':') {
            host += "\\072";
        } else {
            host += octet;
        }
    }
    return host.empty() ? "localhost" : host;
}

std::string maildir_name(const MessageId& id, std::string_view host) {
    const MessageId::Text text = id.text();
    std::string name = std::to_string(id.unix_ms() / 1000);
    name.append(".R").append(as_text(text)).append(".").append(host);
    return name;
}

bool is_maildir_name(std::string_view name, std::string_view host) {
    const std::size_t digits = name.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || name.substr(digits, 2) != ".R") return false;
    const std::string_view rest = name.substr(digits + 2);
    if (rest.size() != MessageId::kTextLength + 1 + host.size()) return false;
    return MessageId::parse(rest.substr(0, MessageId::kTextLength)).has_value() &&
           rest[MessageId::kTextLength] == '.' && rest.substr(MessageId::kTextLength + 1) == host;
}

void append_return_path(Bytes envelope, std::string& out) {
    out.append("Return-Path: <");
    if (const auto path = find_envelope_field(envelope, EnvelopeField::reverse_path))
        out.append(as_text(*path));
    out.append(">\r\n");
}

void append_original_to(std::string_view forward_path, std::string& out) {
    out.append("X-Original-To: ").append(forward_path).append("\r\n");
}

bool append_delivery_headers(Bytes envelope, std::string& out) {
    append_return_path(envelope, out);
    EnvelopeReader reader(envelope);
    while (const auto record = reader.next()) {
        if (record->field == EnvelopeField::forward_path) append_original_to(as_text(record->value), out);
    }
    return !reader.malformed();
}

MaildirVerdict maildir_verdict(int error) {
    switch (error) {
        case 0:
            return {StoreStatus::stored, {}};
        case ENOSPC:
            return {StoreStatus::full, "no space left in the maildir"};
        case EDQUOT:
            return {StoreStatus::full, "the maildir's quota is used up"};
        case ELOOP:
            return {StoreStatus::retry, "a folder of the maildir is a symbolic link"};
        case EXDEV:
            return {StoreStatus::retry, "a maildir is on another file system"};
        default:
            return {StoreStatus::retry, "the maildir cannot be written"};
    }
}

}  // namespace ringmx::storage
