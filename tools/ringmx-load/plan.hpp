// The plan: every octet that the load will write, made before it begins. Shared by all threads, read-only.
//
// A message is a sequence of replies to wait for, with writes between them:
//   one at a time  MAIL | RCPT | ... | DATA | mail data and the dot
//   pipelined      MAIL RCPT ... DATA | mail data and the dot                      (RFC 2920)
//   bdat           MAIL RCPT ... BDAT with the mail data; without PIPELINING: MAIL | RCPT | ... | BDAT (RFC
//   3030)
// Its replies are numbered from 0: MAIL, each RCPT, DATA (not with BDAT), and one for each piece of mail
// data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "digest/sha256.hpp"
#include "options.hpp"

namespace ringmx::load {

// What a server says of itself in its EHLO.
struct Capabilities {
    bool pipelining = false;
    bool chunking = false;
    bool starttls = false;
    bool helo = false;           // knows no EHLO
    std::uint64_t size_max = 0;  // 0: not said
    std::string banner;          // text of the 220
    std::string tls;             // version and cipher; empty: no TLS
};

struct Mail {
    std::string wire;          // the write that holds its mail data, up to the tail and the dot
    std::uint64_t octets = 0;  // of mail data, without dot-stuffing
    Sha256 hash;               // of all but the tail
    Sha256::Digest digest{};   // when there is no tail
    std::uint32_t pieces = 1;  // replies to the mail data
};

struct Plan {
    bool pipelined = false;
    bool bdat = false;
    bool unique = false;  // each mail ends with a line of its own, the tail
    std::uint32_t recipients = 1;
    std::string hello;                  // EHLO or HELO
    std::vector<std::string> commands;  // one at a time: MAIL, each RCPT, DATA
    std::string envelope;               // pipelined: MAIL to DATA in one; with BDAT it is part of Mail::wire
    std::vector<Mail> mails;
    std::vector<std::uint32_t>
        order;  // indexes of `mails` in the order of sending, by weight; begin anywhere

    // The reply, by number, that answers DATA, and the last.
    std::uint32_t data_reply() const { return recipients + 1; }
    std::uint32_t last_reply(const Mail& mail) const { return recipients + (bdat ? 0 : 1) + mail.pieces; }

    std::vector<std::string> remarks;  // what the server's capabilities changed, in sentences
};

// The last line of a unique mail: which run, and which message of it.
constexpr std::size_t kTailOctets = 47;
using Tail = std::array<char, kTailOctets + 3>;  // room for the dot and its line end
Tail make_tail(std::uint64_t run, std::uint64_t number);
constexpr std::string_view kEndOfData = ".\r\n";

// An Error when the server cannot do what was asked, or when the mails cannot be had.
Result<Plan> make_plan(const Options& options, const Capabilities& capabilities);

// Mail data as it goes over the wire after DATA (RFC 5321 §4.5.2), without the final dot.
std::string dot_stuffed(std::string_view mail);
// Headers and lines of text, exactly `octets` long, that end with CR LF and need no dot-stuffing.
std::string generated_mail(std::uint64_t octets);

}  // namespace ringmx::load
