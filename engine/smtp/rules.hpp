// Every reply that the session gives because the protocol or a limit was not kept, as named constants. The
// names go to Handler::on_violation and to the rule table of docs/protocol.md; a test holds the two together.
// RFC 5321 §4.2.2, §4.2.3; enhanced status codes: RFC 3463, RFC 5248 and their registry.
#pragma once

#include <array>
#include <string_view>

#include "base/reply.hpp"

namespace ringmx::smtp {

struct Rule {
    std::string_view name;  // static, unique
    Reply reply;
};

// The constants are in the order in which a client meets them. What is said about the greeting and about the
// argument of EHLO and HELO carries no enhanced status code (RFC 2034 §4).
namespace rules {
// lines and verbs
inline constexpr Rule line_too_long{"line-too-long", {500, {5, 5, 2}, "Command line too long"}};
inline constexpr Rule bare_line_end{"bare-line-end", {500, {5, 5, 2}, "Commands must end in CR LF"}};
inline constexpr Rule control_character{"control-character",
                                        {501, {5, 5, 2}, "Control characters are not allowed in commands"}};
inline constexpr Rule illegal_pipelining{
    "illegal-pipelining", {554, {5, 5, 0}, "Input that did not wait for the reply before it, closing"}};
inline constexpr Rule unknown_command{"unknown-command", {500, {5, 5, 2}, "Command not recognized"}};
inline constexpr Rule argument_given{"argument-given", {501, {5, 5, 4}, "This command takes no argument"}};
inline constexpr Rule argument_missing{"argument-missing",
                                       {501, {5, 5, 4}, "This command needs an argument"}};
inline constexpr Rule expn_not_implemented{"expn-not-implemented",
                                           {502, {5, 5, 1}, "EXPN is not implemented"}};
// EHLO and HELO
inline constexpr Rule hello_syntax{
    "hello-syntax", {501, {}, "Syntax: EHLO or HELO, then a domain name or an address literal"}};
inline constexpr Rule session_refused{"session-refused",
                                      {503, {5, 5, 1}, "No mail is taken in this session, please QUIT"}};
// STARTTLS
inline constexpr Rule starttls_without_ehlo{"starttls-without-ehlo",
                                            {503, {5, 5, 1}, "STARTTLS needs EHLO before it"}};
inline constexpr Rule tls_active{"tls-active", {503, {5, 5, 1}, "TLS is active already"}};
inline constexpr Rule tls_required{"tls-required", {530, {5, 7, 0}, "Must issue a STARTTLS command first"}};
inline constexpr Rule plaintext_behind_starttls{"plaintext-behind-starttls",
                                                {554, {5, 5, 1}, "Plaintext behind STARTTLS, closing"}};
// XCLIENT
inline constexpr Rule xclient_not_allowed{"xclient-not-allowed",
                                          {550, {5, 7, 0}, "XCLIENT is not allowed for you"}};
inline constexpr Rule xclient_in_transaction{"xclient-in-transaction",
                                             {503, {5, 5, 1}, "No XCLIENT within a transaction"}};
inline constexpr Rule xclient_syntax{"xclient-syntax", {501, {5, 5, 4}, "Bad XCLIENT attribute or value"}};
// MAIL
inline constexpr Rule hello_first{"hello-first", {503, {5, 5, 1}, "Send EHLO or HELO first"}};
inline constexpr Rule nested_mail{"nested-mail",
                                  {503, {5, 5, 1}, "A transaction is open already, send RSET first"}};
inline constexpr Rule mail_syntax{"mail-syntax",
                                  {501, {5, 5, 4}, "Syntax: MAIL FROM:<address> [parameters]"}};
inline constexpr Rule sender_syntax{"sender-syntax", {501, {5, 1, 7}, "Bad sender address syntax"}};
inline constexpr Rule sender_too_long{"sender-too-long", {501, {5, 1, 7}, "Sender address too long"}};
inline constexpr Rule sender_not_ascii{"sender-not-ascii",
                                       {550, {5, 6, 7}, "Non-ASCII sender address without SMTPUTF8"}};
inline constexpr Rule parameter_syntax{"parameter-syntax", {501, {5, 5, 4}, "Bad parameter syntax or value"}};
inline constexpr Rule parameter_repeated{"parameter-repeated", {501, {5, 5, 4}, "Parameter given twice"}};
inline constexpr Rule parameter_unknown{"parameter-unknown", {555, {5, 5, 4}, "Parameter not recognized"}};
inline constexpr Rule parameter_without_ehlo{"parameter-without-ehlo",
                                             {555, {5, 5, 4}, "Parameters need EHLO instead of HELO"}};
inline constexpr Rule declared_size{"declared-size", {552, {5, 3, 4}, "Message size exceeds the limit"}};
// RCPT
inline constexpr Rule mail_first{"mail-first", {503, {5, 5, 1}, "Send MAIL first"}};
inline constexpr Rule rcpt_after_bdat{"rcpt-after-bdat",
                                      {503, {5, 5, 1}, "No recipients are taken after BDAT"}};
inline constexpr Rule rcpt_syntax{"rcpt-syntax", {501, {5, 5, 4}, "Syntax: RCPT TO:<address> [parameters]"}};
inline constexpr Rule recipient_syntax{"recipient-syntax", {501, {5, 1, 3}, "Bad recipient address syntax"}};
inline constexpr Rule recipient_too_long{"recipient-too-long",
                                         {501, {5, 1, 3}, "Recipient address too long"}};
inline constexpr Rule recipient_not_ascii{"recipient-not-ascii",
                                          {553, {5, 6, 7}, "Non-ASCII recipient address without SMTPUTF8"}};
inline constexpr Rule too_many_recipients{"too-many-recipients", {452, {4, 5, 3}, "Too many recipients"}};
// DATA and BDAT
inline constexpr Rule rcpt_first{"rcpt-first", {503, {5, 5, 1}, "Send RCPT first"}};
inline constexpr Rule no_valid_recipients{"no-valid-recipients", {554, {5, 5, 1}, "No valid recipients"}};
inline constexpr Rule data_with_binarymime{"data-with-binarymime",
                                           {503, {5, 5, 1}, "BODY=BINARYMIME needs BDAT instead of DATA"}};
inline constexpr Rule data_after_bdat{
    "data-after-bdat", {503, {5, 5, 1}, "DATA and BDAT cannot be mixed, the transaction is aborted"}};
inline constexpr Rule bdat_without_ehlo{"bdat-without-ehlo",
                                        {503, {5, 5, 1}, "BDAT needs EHLO instead of HELO"}};
inline constexpr Rule bdat_syntax{"bdat-syntax", {501, {5, 5, 4}, "Syntax: BDAT octets [LAST], closing"}};
inline constexpr Rule chunk_too_large{"chunk-too-large",
                                      {552, {5, 3, 4}, "Chunk is far beyond the size limit, closing"}};
// end of data
inline constexpr Rule message_too_large{"message-too-large",
                                        {552, {5, 3, 4}, "Message size exceeds the limit"}};
inline constexpr Rule message_far_too_large{
    "message-far-too-large", {552, {5, 3, 4}, "Message size is far beyond the limit, closing"}};
inline constexpr Rule bare_newline_in_data{"bare-newline-in-data",
                                           {554, {5, 6, 0}, "Bare CR or bare LF in the message"}};
inline constexpr Rule nul_in_data{"nul-in-data", {554, {5, 6, 0}, "NUL in the message"}};
inline constexpr Rule mail_loop{"mail-loop",
                                {554, {5, 4, 6}, "Too many Received headers, probably a mail loop"}};
// limits of the session: the reply is followed by the close
inline constexpr Rule too_many_errors{"too-many-errors", {421, {4, 7, 0}, "Too many errors, closing"}};
inline constexpr Rule too_many_commands{"too-many-commands", {421, {4, 7, 0}, "Too many commands, closing"}};
inline constexpr Rule too_many_refused{"too-many-refused",
                                       {421, {4, 7, 0}, "Too many refused recipients, closing"}};
inline constexpr Rule too_many_messages{"too-many-messages",
                                        {421, {4, 7, 0}, "Too many messages in one session, closing"}};
inline constexpr Rule timed_out{"timed-out", {421, {4, 4, 2}, "Timeout, closing"}};

inline constexpr std::array<const Rule*, 52> all{&line_too_long,
                                                 &bare_line_end,
                                                 &control_character,
                                                 &illegal_pipelining,
                                                 &unknown_command,
                                                 &argument_given,
                                                 &argument_missing,
                                                 &expn_not_implemented,
                                                 &hello_syntax,
                                                 &session_refused,
                                                 &starttls_without_ehlo,
                                                 &tls_active,
                                                 &tls_required,
                                                 &plaintext_behind_starttls,
                                                 &xclient_not_allowed,
                                                 &xclient_in_transaction,
                                                 &xclient_syntax,
                                                 &hello_first,
                                                 &nested_mail,
                                                 &mail_syntax,
                                                 &sender_syntax,
                                                 &sender_too_long,
                                                 &sender_not_ascii,
                                                 &parameter_syntax,
                                                 &parameter_repeated,
                                                 &parameter_unknown,
                                                 &parameter_without_ehlo,
                                                 &declared_size,
                                                 &mail_first,
                                                 &rcpt_after_bdat,
                                                 &rcpt_syntax,
                                                 &recipient_syntax,
                                                 &recipient_too_long,
                                                 &recipient_not_ascii,
                                                 &too_many_recipients,
                                                 &rcpt_first,
                                                 &no_valid_recipients,
                                                 &data_with_binarymime,
                                                 &data_after_bdat,
                                                 &bdat_without_ehlo,
                                                 &bdat_syntax,
                                                 &chunk_too_large,
                                                 &message_too_large,
                                                 &message_far_too_large,
                                                 &bare_newline_in_data,
                                                 &nul_in_data,
                                                 &mail_loop,
                                                 &too_many_errors,
                                                 &too_many_commands,
                                                 &too_many_refused,
                                                 &too_many_messages,
                                                 &timed_out};
}  // namespace rules

}  // namespace ringmx::smtp
