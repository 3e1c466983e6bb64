// Before the load: one connection that asks the server what it can do.
#pragma once

#include <string>

#include "base/result.hpp"
#include "options.hpp"
#include "plan.hpp"

namespace ringmx::load {

// Connects, reads the greeting, says EHLO (HELO when that is refused) and QUIT, with TLS as the options say;
// with STARTTLS the capabilities are those behind it. Blocking; an Error names what the server said or did
// instead of answering. No wait for it takes longer than `timeout_s`.
Result<Capabilities> probe_server(const Options& options, double timeout_s);

// The keywords of an EHLO reply (RFC 5321 §4.1.1.1), lines with CR LF or LF.
Capabilities parse_ehlo(std::string_view reply);

}  // namespace ringmx::load
