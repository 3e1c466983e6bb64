// Mailboxes in the one form in which the accept tables keep and find them: quotes removed, ASCII letters in
// lower case, address literals as their address is usually printed. No allocation.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ringmx::policy {

// Text in a fixed room. Anything longer than the room is in no table.
class ShortText {
 public:
    static constexpr std::size_t octets_max = 1024;

    bool append(std::string_view text);  // false, and nothing appended, if it does not fit
    bool append_lower(std::string_view text);
    void truncate(std::size_t size) { size_ = size; }
    std::size_t size() const { return size_; }
    std::string_view view() const { return {room_.data(), size_}; }

 private:
    std::array<char, octets_max> room_;
    std::size_t size_ = 0;
};

// Appends the domain or address literal in its canonical form. False if it is too long.
bool append_domain(ShortText& to, std::string_view domain);
// Appends the local part in its canonical form: of a quoted one, what it stands for. False if it is too long.
bool append_local_part(ShortText& to, std::string_view local_part);

// A mailbox at the start of `text`, ended by a blank or the end; blanks inside quotes do not end it.
struct MailboxText {
    std::string_view local_part;  // quotes included; empty in "@example.com"
    std::string_view domain;
    std::string_view rest;  // behind the mailbox
};

// `text` does not begin with a blank. Nothing if there is no "@", a quote is not closed, or a part is not
// well formed: then `problem` says what.
std::optional<MailboxText> split_mailbox(std::string_view text, std::string_view& problem);

// Why this is neither a domain name (LDH labels or UTF-8) nor an address literal; empty: it is one.
std::string_view domain_problem(std::string_view domain);

}  // namespace ringmx::policy
