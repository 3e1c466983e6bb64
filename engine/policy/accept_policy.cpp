#include "policy/accept_policy.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "policy/mailbox_text.hpp"
#include "policy/string_set.hpp"

namespace ringmx::policy {

namespace {

constexpr Reply kForeignDomain{
    550, {5, 7, 1}, "Relaying denied: this server does not receive mail for that domain"};
constexpr Reply kUnknownRecipient{550, {5, 1, 1}, "No such recipient here"};
constexpr std::string_view kEveryDomain = "*";
constexpr std::string_view kPostmaster = "postmaster";

static_assert(ShortText::octets_max <= StringSet::entry_octets_max);

std::string_view trim_blanks(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r";
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

// Keys: domains as they are; recipients "local@domain", and "@domain" for every local part.
struct AcceptTables::State {
    StringSet domains;
    StringSet recipients;
    bool every_domain = false;
    bool has_recipients = false;

    bool add_domain(const std::string& domain, Error& error);
    // Reads one line; a false return leaves what is wrong in `problem`.
    bool add_recipient(std::string_view line, std::string& problem);
    bool load_recipients(const std::string& path, Error& error);
    bool accepts_canonical(std::string_view domain) const {
        return domains.contains(domain) || (every_domain && !domain.empty() && domain.front() != '[');
    }
};

bool AcceptTables::State::add_domain(const std::string& domain, Error& error) {
    if (domain == kEveryDomain) {
        every_domain = true;
        return true;
    }
    const std::string_view problem = domain_problem(domain);
    if (!problem.empty()) {
        error = Error{EINVAL, "accepted domain \"" + domain + "\": " + std::string(problem)};
        return false;
    }
    ShortText key;
    return append_domain(key, domain) && domains.add(key.view());
}

bool AcceptTables::State::add_recipient(std::string_view line, std::string& problem) {
    const std::string_view text = trim_blanks(line);
    if (text.empty() || text.front() == '#') return true;

    std::string_view reason;
    const std::optional<MailboxText> mailbox = split_mailbox(text, reason);
    if (!mailbox) {
        problem = reason;
        return false;
    }
    const std::string_view rest = trim_blanks(mailbox->rest);
    if (!rest.empty() && rest.front() != '#') {
        problem = "one address a line; found \"" + std::string(rest) + "\" behind it";
        return false;
    }
    ShortText key;
    if (!append_local_part(key, mailbox->local_part) || !key.append("@")) {
        problem = "the local part is too long";
        return false;
    }
    if (key.size() == 1 && !mailbox->local_part.empty()) {
        problem = "the local part is empty";  // "" in quotes is not meant as "every local part"
        return false;
    }
    const std::size_t domain_at = key.size();
    if (!append_domain(key, mailbox->domain)) {
        problem = "the address is too long";
        return false;
    }
    if (!accepts_canonical(key.view().substr(domain_at))) {
        problem = "domain \"" + std::string(mailbox->domain) + "\" is not among the accepted domains";
        return false;
    }
    if (recipients.add(key.view())) return true;
    problem = "too many addresses: their text passes 4 GiB";
    return false;
}

bool AcceptTables::State::load_recipients(const std::string& path, Error& error) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string line;
    std::string problem;
    std::size_t number = 0;
    if (file) file.peek();  // a directory opens, and fails to be read
    if (!file && !file.eof()) {
        error = system_error(errno, path);
        return false;
    }
    while (std::getline(file, line)) {
        ++number;
        if (number == 1 && line.starts_with("\xEF\xBB\xBF"))
            line.erase(0, 3);  // a byte order mark is no address
        if (add_recipient(line, problem)) continue;
        error = Error{EINVAL, path + ":" + std::to_string(number) + ": " + problem};
        return false;
    }
    if (!file.bad()) return true;
    error = system_error(errno, path);
    return false;
}

AcceptTables::AcceptTables() : state_(std::make_unique<State>()) {}

AcceptTables::~AcceptTables() = default;

Result<std::shared_ptr<const AcceptTables>> AcceptTables::load(const std::vector<std::string>& domains,
                                                               const std::string& recipients_file) {
    const std::shared_ptr<AcceptTables> tables(new AcceptTables());
    State& state = *tables->state_;
    Error error;
    for (const std::string& domain : domains) {
        if (!state.add_domain(domain, error)) return error;
    }
    state.domains.build();
    if (!recipients_file.empty()) {
        state.has_recipients = true;
        if (!state.load_recipients(recipients_file, error)) return error;
    }
    state.recipients.build();
    return std::shared_ptr<const AcceptTables>(tables);
}

bool AcceptTables::accepts_domain(std::string_view domain) const {
    ShortText key;
    return append_domain(key, domain) && state_->accepts_canonical(key.view());
}

bool AcceptTables::has_recipients() const {
    return state_->has_recipients;
}

bool AcceptTables::accepts_recipient(std::string_view local_part, std::string_view domain) const {
    // "@domain" stands alone first, for it matches a local part of any length.
    ShortText host;
    if (!host.append("@") || !append_domain(host, domain)) return false;
    if (!state_->accepts_canonical(host.view().substr(1))) return false;
    if (!state_->has_recipients || state_->recipients.contains(host.view())) return true;

    ShortText key;
    if (!append_local_part(key, local_part) || key.size() == 0) return false;
    const std::size_t local_octets = key.size();
    if (key.view() == kPostmaster) return true;
    if (key.append(host.view()) && state_->recipients.contains(key.view())) return true;

    const std::size_t plus = key.view().substr(0, local_octets).find('+');
    if (plus == std::string_view::npos) return false;
    key.truncate(plus);
    return key.append(host.view()) && state_->recipients.contains(key.view());
}

std::size_t AcceptTables::recipient_count() const {
    return state_->recipients.size();
}

AcceptPolicy::AcceptPolicy(std::shared_ptr<const AcceptTables> tables) : tables_(std::move(tables)) {}

Decision AcceptPolicy::on_recipient(Ticket, const ClientFacts&, const MailFacts&,
                                    const RecipientFacts& recipient) {
    if (recipient.domain.empty())
        return Decision::accept();  // <postmaster>: the grammar lets no other one pass
    if (!tables_->accepts_domain(recipient.domain)) return Decision::reject(kForeignDomain);
    if (tables_->accepts_recipient(recipient.local_part, recipient.domain)) return Decision::accept();
    return Decision::reject(kUnknownRecipient);
}

}  // namespace ringmx::policy
