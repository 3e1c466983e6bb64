// A golden dialogue as read from its file. The format is in tests/golden/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/reply.hpp"
#include "smtp/session.hpp"

namespace ringmx::golden {

// What the handler answers at a decision point instead of "accept".
struct Answer {
    std::string where;  // connect, hello, starttls, mail, rcpt, data, bdat, end
    std::string match;  // address, EHLO name, or "*"
    Decision::Kind kind = Decision::Kind::accept;
    Reply reply;  // its text views `text`
    std::string text;
};

enum class Control : std::uint8_t { timeout, shut_down, disconnect, tls };

struct ControlPoint {
    std::size_t offset = 0;  // in the client's octets: after these
    Control control = Control::timeout;
};

struct Script {
    std::string name;
    std::string hostname = "mx.test";
    smtp::SessionOptions options;
    smtp::BareNewline bare_newline = smtp::BareNewline::normalize;
    smtp::TlsUse tls = smtp::TlsUse::none;
    bool xclient = false;                                                   // XCLIENT is allowed
    smtp::BareNewline xclient_bare_newline = smtp::BareNewline::normalize;  // of whom it names
    std::vector<Answer> answers;
    std::string client;  // all octets that the client sends
    std::vector<ControlPoint> controls;
    std::string replies;                  // all octets that it must get
    std::vector<std::string> events;      // H: lines, compared if there is any
    std::vector<std::string> violations;  // V: lines
    std::string stored;                   // B: lines: the mail data of accepted messages
    std::string end = "open";             // open or closed

    // Options refer to the hostname: a script stays where it is.
    void bind();
};

// Reads a dialogue; throws std::runtime_error with file and line on what it does not understand.
Script read_script(const std::string& path);

// "\r", "\n", "\0", "\t", "\\", "\xHH" and "{TEXT*COUNT}" to octets.
std::string unescape(std::string_view text);
// The reverse, for messages: control and non-ASCII octets made visible.
std::string escape(std::string_view octets);

}  // namespace ringmx::golden
