#include "recipients/address_line.hpp"

#include <optional>

namespace ringmx::recipients {

namespace {

std::string_view trim_blanks(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r";
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

bool parse_address_line(std::string_view line, bool first, AddressLine& into, std::string& problem) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    into.local_part.truncate(0);
    into.domain.truncate(0);
    if (first && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    const std::string_view text = trim_blanks(line);
    if (text.empty() || text.front() == '#') return true;

    std::string_view reason;
    const std::optional<policy::MailboxText> mailbox = policy::split_mailbox(text, reason);
    if (!mailbox) {
        problem = reason;
        return false;
    }
    const std::string_view rest = trim_blanks(mailbox->rest);
    if (!rest.empty() && rest.front() != '#') {
        problem = "one address a line; found \"" + std::string(rest) + "\" behind it";
        return false;
    }
    if (!policy::append_local_part(into.local_part, mailbox->local_part)) {
        problem = "the local part is too long";
        return false;
    }
    if (into.local_part.size() == 0 && !mailbox->local_part.empty()) {
        problem = "the local part is empty";  // "" in quotes is not meant as "every local part"
        return false;
    }
    policy::append_domain(into.domain, mailbox->domain);  // split_mailbox() has seen that it is short
    if (into.local_part.size() + 1 + into.domain.size() <= policy::ShortText::octets_max) return true;
    problem = "the address is too long";
    return false;
}

}  // namespace ringmx::recipients
