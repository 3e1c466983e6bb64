// Names, headers and answers of the maildir backends; pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/message_id.hpp"
#include "storage/backend.hpp"

namespace ringmx::storage {

// The host's name as it may stand in a file name: "/" and ":" as \057 and \072, as the Maildir format asks
// for.
std::string maildir_host(std::string_view hostname);

// "SECONDS.RID.HOST": the time and the identity of the message, unique by its id.
std::string maildir_name(const MessageId& id, std::string_view host);
// Whether a name is one that maildir_name() makes on this host.
bool is_maildir_name(std::string_view name, std::string_view host);

// "Return-Path: <reverse-path>" and "X-Original-To: forward-path", as lines, at the end of `out`.
void append_return_path(Bytes envelope, std::string& out);
void append_original_to(std::string_view forward_path, std::string& out);
// What final delivery puts in front of the message (RFC 5321 §4.4): Return-Path with the reverse-path, then
// one X-Original-To for each forward-path. Appends to `out`; false: the envelope is malformed.
bool append_delivery_headers(Bytes envelope, std::string& out);

// What an errno of a file operation is answered with; 0: stored. The text has static storage duration.
struct MaildirVerdict {
    StoreStatus status;
    std::string_view text;
};
MaildirVerdict maildir_verdict(int error);

}  // namespace ringmx::storage
