// The text of LMTP commands and of the server's offer: which parameters a message and its recipients get (RFC
// 1870, 6152, 3030, 6531, 3461), and only those the server offered.
#pragma once

#include <string>
#include <string_view>

#include "lmtp/client.hpp"

namespace ringmx::lmtp {

bool is_ascii(std::string_view text);
// Without control characters: nothing that could end a command.
bool is_plain_path(std::string_view path);

// Whether the message cannot go without SMTPUTF8, because of its reverse-path or its header. (A recipient's
// address may need it, too.) A client may have asked for it and not need it.
bool needs_smtputf8(const plugin::Message& message);

// With CR LF.
std::string mail_command(const plugin::Message& message, const Extensions& extensions, bool smtputf8);
std::string recipient_command(const plugin::Recipient& recipient, const Extensions& extensions);

// Whether a refused RCPT means "too many recipients in this transaction".
bool is_too_many(const Reply& reply);

}  // namespace ringmx::lmtp
