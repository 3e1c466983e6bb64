// Reader of golden dialogues; see script.hpp and README.md.
#include "script.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ringmx::golden {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    throw std::runtime_error("bad hexadecimal digit");
}

smtp::BareNewline bare_newline_of(const std::string& word) {
    if (word == "normalize") return smtp::BareNewline::normalize;
    if (word == "reject") return smtp::BareNewline::reject;
    if (word == "accept") return smtp::BareNewline::accept;
    throw std::runtime_error("unknown bare_newline mode " + word);
}

smtp::TlsUse tls_of(const std::string& word) {
    if (word == "offered") return smtp::TlsUse::offered;
    if (word == "required") return smtp::TlsUse::required;
    if (word == "active") return smtp::TlsUse::active;
    throw std::runtime_error("unknown tls mode " + word);
}

void read_option(Script& script, const std::string& text) {
    std::istringstream in(text);
    std::string key;
    std::string value;
    in >> key >> value;
    const auto number = [&] { return static_cast<std::uint32_t>(std::stoul(value)); };
    smtp::SessionOptions& options = script.options;
    if (key == "bare_newline")
        script.bare_newline = bare_newline_of(value);
    else if (key == "tls")
        script.tls = tls_of(value);
    else if (key == "xclient")
        script.xclient = number() != 0;
    else if (key == "xclient_bare_newline")
        script.xclient_bare_newline = bare_newline_of(value);
    else if (key == "requiretls")
        options.requiretls = number() != 0;
    else if (key == "hostname")
        script.hostname = value;
    else if (key == "message_octets_max")
        options.message_octets_max = std::stoull(value);
    else if (key == "oversize_drain_factor")
        options.oversize_drain_factor = number();
    else if (key == "recipients_max")
        options.recipients_max = number();
    else if (key == "messages_max")
        options.messages_max = number();
    else if (key == "commands_max")
        options.commands_max = number();
    else if (key == "errors_max")
        options.errors_max = number();
    else if (key == "recipients_refused_max")
        options.recipients_refused_max = number();
    else if (key == "received_headers_max")
        options.received_headers_max = number();
    else if (key == "dsn")
        options.dsn = number() != 0;
    else if (key == "command_line_octets_max")
        options.command_line_octets_max = number();
    else
        throw std::runtime_error("unknown option " + key);
}

// "550 5.1.1 text", "550 text" or nothing.
Reply read_reply(std::istringstream& in, std::string& text) {
    Reply reply;
    std::string word;
    if (!(in >> word)) return reply;
    reply.code = static_cast<std::uint16_t>(std::stoul(word));
    std::getline(in >> std::ws, text);
    int klass = 0;
    int subject = 0;
    int detail = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "%1d.%d.%d %n", &klass, &subject, &detail, &used) == 3) {
        reply.status = {static_cast<std::uint8_t>(klass), static_cast<std::uint16_t>(subject),
                        static_cast<std::uint16_t>(detail)};
        text.erase(0, static_cast<std::size_t>(used));
    }
    text = unescape(text);
    return reply;
}

Answer read_answer(const std::string& line) {
    std::istringstream in(line);
    Answer answer;
    std::string kind;
    in >> answer.where >> answer.match >> kind;
    answer.match = unescape(answer.match);
    if (kind == "accept")
        answer.kind = Decision::Kind::accept;
    else if (kind == "reject")
        answer.kind = Decision::Kind::reject;
    else if (kind == "disconnect")
        answer.kind = Decision::Kind::disconnect;
    else
        throw std::runtime_error("unknown answer " + kind);
    answer.reply = read_reply(in, answer.text);
    return answer;
}

Control read_control(const std::string& word) {
    if (word == "timeout") return Control::timeout;
    if (word == "shutdown") return Control::shut_down;
    if (word == "disconnect") return Control::disconnect;
    if (word == "tls") return Control::tls;
    throw std::runtime_error("unknown control " + word);
}

void read_line(Script& script, const std::string& line) {
    if (line.empty() || line[0] == '#') return;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error("no colon");
    const std::string key = line.substr(0, colon);
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (key == "C")
        script.client += unescape(value) + "\r\n";
    else if (key == "C-")
        script.client += unescape(value);
    else if (key == "S")
        script.replies += unescape(value) + "\r\n";
    else if (key == "B")
        script.stored += unescape(value) + "\r\n";
    else if (key == "B-")
        script.stored += unescape(value);
    else if (key == "H")
        script.events.push_back(value);
    else if (key == "V")
        script.violations.push_back(value);
    else if (key == "A")
        script.answers.push_back(read_answer(value));
    else if (key == "X")
        script.controls.push_back({script.client.size(), read_control(value)});
    else if (key == "option")
        read_option(script, value);
    else if (key == "end")
        script.end = value;
    else
        throw std::runtime_error("unknown line " + key);
}

}  // namespace

void Script::bind() {
    options.hostname = hostname;
    for (Answer& answer : answers)
        answer.reply.text = answer.text;
}

Script read_script(const std::string& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error("cannot read " + path);
    Script script;
    script.name = path;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        try {
            read_line(script, line);
        } catch (const std::exception& error) {
            throw std::runtime_error(path + ":" + std::to_string(number) + ": " + error.what());
        }
    }
    return script;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') {
            const std::size_t star = text.find('*', i);
            const std::size_t end = text.find('}', i);
            if (star == std::string_view::npos || end == std::string_view::npos || star > end) {
                out += text[i];
                continue;
            }
            const std::string part = unescape(text.substr(i + 1, star - i - 1));
            const std::size_t count = std::stoul(std::string(text.substr(star + 1, end - star - 1)));
            for (std::size_t n = 0; n < count; ++n)
                out += part;
            i = end;
            continue;
        }
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        switch (text[++i]) {
            case 'r':
                out += '\r';
                break;
            case 'n':
                out += '\n';
                break;
            case 't':
                out += '\t';
                break;
            case '0':
                out += '\0';
                break;
            case '\\':
                out += '\\';
                break;
            case 'x':
                if (i + 2 >= text.size()) throw std::runtime_error("short \\x");
                out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
                i += 2;
                break;
            default:
                throw std::runtime_error("unknown escape");
        }
    }
    return out;
}

std::string escape(std::string_view octets) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : octets) {
        const auto octet = static_cast<std::uint8_t>(c);
        if (c == '\r')
            out += "\\r";
        else if (c == '\n')
            out += "\\n";
        else if (c == '\0')
            out += "\\0";
        else if (octet < 32 || octet > 126)
            out += {'\\', 'x', digits[octet >> 4], digits[octet & 15]};
        else
            out += c;
    }
    return out;
}

}  // namespace ringmx::golden
