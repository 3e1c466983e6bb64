// Real mails for the load: from a folder (each file one mail, folders below it too: a Maildir will do) or
// from an mbox file. Line ends become CR LF, and a last line without an end gets one; nothing else is
// changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ringmx::load {

// In the order of their names or of the mbox. An Error when there is none, or no memory for them.
Result<std::vector<std::string>> read_mails(const std::string& path);

// The messages of an mbox: cut at "From " lines that begin the file or follow an empty line; one '>' is taken
// from lines that begin with '>'s and "From " (mboxrd).
std::vector<std::string> split_mbox(std::string_view text);
// Line ends (LF, CR, CR LF) as CR LF.
std::string with_crlf(std::string_view text);

}  // namespace ringmx::load
