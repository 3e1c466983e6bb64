// Fuzzes the command and address grammar: views stay within the input, what is accepted keeps its invariants
// (nothing that could break a line or a header gets through), and what is accepted is accepted again when
// printed.
#include "smtp/address.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "smtp/char_class.hpp"
#include "smtp/command_parser.hpp"
#include "smtp/utf8.hpp"

namespace {

using namespace ringmx::smtp;

bool within(std::string_view part, std::string_view whole) {
    return part.empty() ||
           (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_text(std::string_view text) {
    while (!text.empty()) {
        const std::size_t octets = is_class(text[0], char_class::printable) ? 1 : utf8_non_ascii_octets(text);
        RMX_ASSERT(octets > 0);
        text.remove_prefix(octets);
    }
}

void check_path(std::string_view input, PathKind kind) {
    const ParsedPath parsed = parse_path(input, kind);
    if (parsed.error != PathError::none) return;
    const Path& path = parsed.path;
    RMX_ASSERT(parsed.octets >= 2 && parsed.octets <= input.size());
    RMX_ASSERT(input[0] == '<' && input[parsed.octets - 1] == '>');
    RMX_ASSERT(path.local_part.size() <= kLocalPartOctetsMax && path.domain.size() <= kDomainOctetsMax);
    if (path.is_null()) return;
    check_text(path.address);
    if (path.domain.empty()) {
        RMX_ASSERT(path.address == "postmaster");
        return;
    }
    RMX_ASSERT(within(path.address, input));
    RMX_ASSERT(path.address.size() == path.local_part.size() + 1 + path.domain.size());
    const std::string again = "<" + std::string(path.address) + ">";
    const ParsedPath reparsed = parse_path(again, kind);
    RMX_ASSERT(reparsed.error == PathError::none && reparsed.octets == again.size());
    RMX_ASSERT(reparsed.path.local_part == path.local_part && reparsed.path.domain == path.domain);
    RMX_ASSERT(reparsed.non_ascii == parsed.non_ascii);
}

void check_commands(std::string_view line) {
    const CommandLine command = parse_command_line(line);
    RMX_ASSERT(within(command.argument, line));
    for (const bool flag : {false, true}) {
        MailCommand mail;
        if (parse_mail(line, flag, mail) == nullptr) {
            check_text(mail.envid);
            RMX_ASSERT(flag || (!mail.size && !mail.smtputf8 && mail.envid.empty()));
        }
        RcptCommand rcpt;
        if (parse_rcpt(line, true, flag, rcpt) == nullptr) {
            check_text(rcpt.orcpt);
            RMX_ASSERT(!rcpt.forward_path.is_null());
            RMX_ASSERT((rcpt.notify & 1) == 0 || rcpt.notify == 1);
        }
    }
    BdatCommand bdat;
    static_cast<void>(parse_bdat(line, bdat));
    Hello hello;
    if (parse_hello(line, hello) == nullptr) check_text(hello.name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A block of exactly this size, so that a sanitizer sees any overrun.
    const auto block = std::make_unique<char[]>(size);
    for (std::size_t i = 0; i < size; ++i)
        block[i] = static_cast<char>(data[i]);
    const std::string_view input(block.get(), size);
    check_path(input, PathKind::reverse);
    check_path(input, PathKind::forward);
    check_commands(input);
    static_cast<void>(is_address_literal(input));
    return 0;
}
