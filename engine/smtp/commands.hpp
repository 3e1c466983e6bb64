// SMTP commands as parsed values: views into the input, valid during the call that carries them.
// Grammar: RFC 5321 §4.1; parameters: RFC 1870, 6152, 3030, 6531, 3461, 8689.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringmx::smtp {

enum class BodyType : std::uint8_t { seven_bit, eight_bit_mime, binary_mime };
enum class DsnReturn : std::uint8_t { unspecified, full, headers };

// A mailbox or a null path, without angle brackets and without source route (accepted and dropped, RFC 5321
// §C).
struct Path {
    std::string_view address;     // "local@domain", "postmaster" for <postmaster>, "" for <>
    std::string_view local_part;  // as given, quotes included
    std::string_view domain;      // as given; a literal keeps its brackets; "" for <> and <postmaster>
    bool is_null() const { return address.empty(); }
};

struct Hello {
    std::string_view name;  // domain or address literal, as given
    bool extended = false;  // EHLO
};

struct MailCommand {
    Path reverse_path;
    std::optional<std::uint64_t> size;  // SIZE=, octets
    BodyType body = BodyType::seven_bit;
    bool smtputf8 = false;
    DsnReturn ret = DsnReturn::unspecified;
    std::string_view envid;  // xtext as given; empty: none
    bool requiretls = false;
};

struct RcptCommand {
    Path forward_path;
    std::string_view orcpt;   // "addr-type;xtext" as given; empty: none
    std::uint8_t notify = 0;  // bits: 1 NEVER, 2 SUCCESS, 4 FAILURE, 8 DELAY; 0: none given
};

enum class DataKind : std::uint8_t { data, bdat };

// What is known of the mail data when it has ended.
struct DataFacts {
    std::uint64_t octets = 0;  // as stored, dot stuffing removed, without the terminator
    std::uint64_t bare_lf = 0;
    std::uint64_t bare_cr = 0;
    std::uint64_t nul = 0;
    bool eight_bit = false;
    std::uint32_t received_headers = 0;
};

}  // namespace ringmx::smtp
