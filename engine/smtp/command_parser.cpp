// Verb dispatch on four octets, and the arguments of MAIL, RCPT, BDAT and EHLO. Blanks are tolerated where
// deployed servers do: around the argument, between words, and between "FROM:" or "TO:" and the path.
#include "smtp/command_parser.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "smtp/address.hpp"
#include "smtp/char_class.hpp"
#include "smtp/parameters.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kVerbOctets = 4;

constexpr std::uint32_t verb_key(std::string_view lower) {
    std::uint32_t key = 0;
    for (std::size_t i = kVerbOctets; i-- > 0;)
        key = key << 8 | static_cast<std::uint8_t>(lower[i]);
    return key;
}

Verb verb_of(std::uint32_t key) {
    switch (key) {
        case verb_key("mail"):
            return Verb::mail;
        case verb_key("rcpt"):
            return Verb::rcpt;
        case verb_key("data"):
            return Verb::data;
        case verb_key("bdat"):
            return Verb::bdat;
        case verb_key("ehlo"):
            return Verb::ehlo;
        case verb_key("helo"):
            return Verb::helo;
        case verb_key("rset"):
            return Verb::rset;
        case verb_key("noop"):
            return Verb::noop;
        case verb_key("quit"):
            return Verb::quit;
        case verb_key("vrfy"):
            return Verb::vrfy;
        case verb_key("expn"):
            return Verb::expn;
        case verb_key("help"):
            return Verb::help;
        default:
            return Verb::unknown;
    }
}

std::string_view trim_blanks(std::string_view text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

// The verbs that have more than four letters.
CommandLine parse_long_verb(std::string_view line) {
    constexpr std::string_view starttls = "starttls";
    constexpr std::string_view xclient = "xclient";
    const bool is_starttls = equals_caseless(line.substr(0, starttls.size()), starttls);
    if (!is_starttls && !equals_caseless(line.substr(0, xclient.size()), xclient)) return {};
    const std::string_view rest = line.substr(is_starttls ? starttls.size() : xclient.size());
    if (!rest.empty() && !is_blank(rest[0])) return {};
    return {is_starttls ? Verb::starttls : Verb::xclient, trim_blanks(rest)};
}

// Takes "FROM:" or "TO:" and the blanks behind it.
bool take_prefix(std::string_view& argument, std::string_view lower) {
    if (!equals_caseless(argument.substr(0, lower.size()), lower)) return false;
    argument.remove_prefix(lower.size());
    argument = trim_blanks(argument);
    return true;
}

// A parameter may be given once: `seen` collects those that were.
const Rule* mark_seen(unsigned& seen, unsigned bit) {
    if ((seen & bit) != 0) return &rules::parameter_repeated;
    seen |= bit;
    return nullptr;
}

const Rule* apply_mail_parameter(const Parameter& parameter, unsigned& seen, MailCommand& command) {
    enum : unsigned { size = 1, body = 2, smtputf8 = 4, ret = 8, envid = 16, requiretls = 32 };
    const std::string_view value = parameter.value;
    if (equals_caseless(parameter.keyword, "size")) {
        command.size = parse_size(value);
        if (!command.size) return &rules::parameter_syntax;
        return mark_seen(seen, size);
    }
    if (equals_caseless(parameter.keyword, "body")) {
        const auto type = parse_body(value);
        if (!type) return &rules::parameter_syntax;
        command.body = *type;
        return mark_seen(seen, body);
    }
    if (equals_caseless(parameter.keyword, "smtputf8")) {
        if (parameter.has_value) return &rules::parameter_syntax;
        command.smtputf8 = true;
        return mark_seen(seen, smtputf8);
    }
    if (equals_caseless(parameter.keyword, "ret")) {
        const auto what = parse_ret(value);
        if (!what) return &rules::parameter_syntax;
        command.ret = *what;
        return mark_seen(seen, ret);
    }
    if (equals_caseless(parameter.keyword, "envid")) {
        command.envid = value;
        if (!is_envid(value)) return &rules::parameter_syntax;
        return mark_seen(seen, envid);
    }
    if (equals_caseless(parameter.keyword, "requiretls")) {
        if (parameter.has_value) return &rules::parameter_syntax;
        command.requiretls = true;
        return mark_seen(seen, requiretls);
    }
    return &rules::parameter_unknown;
}

const Rule* apply_rcpt_parameter(const Parameter& parameter, unsigned& seen, bool smtputf8,
                                 RcptCommand& command) {
    enum : unsigned { notify = 1, orcpt = 2 };
    if (equals_caseless(parameter.keyword, "notify")) {
        const auto bits = parse_notify(parameter.value);
        if (!bits) return &rules::parameter_syntax;
        command.notify = *bits;
        return mark_seen(seen, notify);
    }
    if (equals_caseless(parameter.keyword, "orcpt")) {
        command.orcpt = parameter.value;
        if (!is_orcpt(parameter.value, smtputf8)) return &rules::parameter_syntax;
        return mark_seen(seen, orcpt);
    }
    return &rules::parameter_unknown;
}

// Calls apply(parameter) for each; stops at the first rule that is not kept.
template <typename Apply>
const Rule* for_each_parameter(std::string_view rest, bool extended, Apply&& apply) {
    Parameter parameter;
    for (;;) {
        const NextParameter next = take_parameter(rest, parameter);
        if (next == NextParameter::none) return nullptr;
        if (next == NextParameter::syntax) return &rules::parameter_syntax;
        if (!extended) return &rules::parameter_without_ehlo;
        if (const Rule* rule = apply(parameter)) return rule;
    }
}

}  // namespace

CommandLine parse_command_line(std::string_view line) {
    if (line.size() < kVerbOctets) return {};
    if (line.size() > kVerbOctets && !is_blank(line[kVerbOctets])) return parse_long_verb(line);
    // Setting bit 5 lowers the case of letters and makes a letter of nothing else but their upper-case forms.
    const Verb verb = verb_of(load_le<std::uint32_t>(line.data()) | 0x20202020u);
    return {verb, trim_blanks(line.substr(kVerbOctets))};
}

bool has_control_character(std::string_view line) {
    return std::any_of(line.begin(), line.end(), [](char c) {
        const auto octet = static_cast<std::uint8_t>(c);
        return (octet < ' ' && c != '\t') || octet == 0x7F;
    });
}

const Rule* parse_hello(std::string_view argument, Hello& hello) {
    hello.name = argument;
    return is_hello_name(argument) ? nullptr : &rules::hello_syntax;
}

const Rule* parse_mail(std::string_view argument, bool extended, MailCommand& command) {
    if (!take_prefix(argument, "from:")) return &rules::mail_syntax;
    const ParsedPath parsed = parse_path(argument, PathKind::reverse);
    if (parsed.error == PathError::too_long) return &rules::sender_too_long;
    if (parsed.error == PathError::syntax) return &rules::sender_syntax;
    command.reverse_path = parsed.path;

    unsigned seen = 0;
    const Rule* rule = for_each_parameter(
        argument.substr(parsed.octets), extended,
        [&](const Parameter& parameter) { return apply_mail_parameter(parameter, seen, command); });
    if (rule != nullptr) return rule;
    return parsed.non_ascii && !command.smtputf8 ? &rules::sender_not_ascii : nullptr;
}

const Rule* parse_rcpt(std::string_view argument, bool extended, bool smtputf8, RcptCommand& command) {
    if (!take_prefix(argument, "to:")) return &rules::rcpt_syntax;
    const ParsedPath parsed = parse_path(argument, PathKind::forward);
    if (parsed.error == PathError::too_long) return &rules::recipient_too_long;
    if (parsed.error == PathError::syntax) return &rules::recipient_syntax;
    if (parsed.non_ascii && !smtputf8) return &rules::recipient_not_ascii;
    command.forward_path = parsed.path;

    unsigned seen = 0;
    return for_each_parameter(argument.substr(parsed.octets), extended, [&](const Parameter& parameter) {
        return apply_rcpt_parameter(parameter, seen, smtputf8, command);
    });
}

const Rule* parse_bdat(std::string_view argument, BdatCommand& command) {
    const auto digits_end = std::find_if_not(argument.begin(), argument.end(),
                                             [](char c) { return is_class(c, char_class::digit); });
    const auto digits = static_cast<std::size_t>(digits_end - argument.begin());
    const auto size = parse_size(argument.substr(0, digits));
    // A size that does not fit cannot be skipped either; the largest value stands for it.
    if (!size || *size == UINT64_MAX) return &rules::bdat_syntax;
    command.octets = *size;
    const std::string_view rest = argument.substr(digits);
    if (rest.empty()) return nullptr;
    if (!is_blank(rest[0]) || !equals_caseless(trim_blanks(rest), "last")) return &rules::bdat_syntax;
    command.last = true;
    return nullptr;
}

}  // namespace ringmx::smtp
