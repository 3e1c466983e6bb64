// `ringmxctl recipients check`: looks addresses up as a server does.
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>

#include "commands.hpp"
#include "config/recipients_source.hpp"
#include "policy/mailbox_text.hpp"
#include "recipients/lmdb_lookup.hpp"
#include "recipients/table.hpp"
#include "recipients/text_list.hpp"

namespace ringmx::ctl {

namespace {

using Kind = config::RecipientsSource::Kind;
using policy::Found;

bool is_table(const std::string& path) {
    std::array<char, recipients::table::kMagic.size()> start{};
    std::ifstream(path, std::ios::binary).read(start.data(), start.size());
    return std::string_view(start.data(), start.size()) == recipients::table::kMagic;
}

struct Opened {
    recipients::ListSlot slot;  // of a list
    std::unique_ptr<policy::RecipientLookup> lookup;
};

Status open_source(const config::RecipientsSource& source, Opened& opened) {
    if (source.kind == Kind::lmdb) {
        auto database = recipients::LmdbDatabase::open(source.path, 1);
        if (!database) return database.error();
        opened.lookup = std::make_unique<recipients::LmdbLookup>(std::move(*database), nullptr);
        return ok_status();
    }
    if (source.kind == Kind::socketmap || source.kind == Kind::http || source.kind == Kind::everybody)
        return Error{0,
                     "a file, a table or a database can be looked into; for a socketmap there is postmap -q, "
                     "for a URL curl"};
    if (source.kind == Kind::table || is_table(source.path)) {
        auto table = recipients::Table::load(source.path);
        if (!table) return table.error();
        opened.slot.set(std::move(*table));
    } else {
        auto list = recipients::TextList::load(source.path, nullptr);
        if (!list) return list.error();
        opened.slot.set(std::move(*list));
    }
    opened.lookup = std::make_unique<recipients::ListLookup>(opened.slot);
    return ok_status();
}

// The canonical parts of an address as it is written in SMTP or in a list.
struct Parts {
    policy::ShortText local_part;
    policy::ShortText domain;
    policy::RecipientKey key;
};

bool split(const std::string& address, const std::string& delimiters, Parts& parts,
           std::string_view& problem) {
    problem = "not an address";
    if (address.empty() || address.front() == ' ' || address.front() == '\t') return false;
    const auto mailbox = policy::split_mailbox(address, problem);
    if (!mailbox) return false;
    if (!mailbox->rest.empty() || mailbox->local_part.empty() ||
        !policy::append_domain(parts.domain, mailbox->domain)) {
        problem = "not an address";
        return false;
    }
    if (!policy::append_local_part(parts.local_part, mailbox->local_part)) parts.local_part.truncate(0);
    parts.key = policy::key_of(parts.local_part.view(), parts.domain.view(), delimiters);
    return true;
}

const char* text_of(Found found) {
    switch (found) {
        case Found::yes:
            return "exists";
        case Found::no:
            return "does not exist";
        default:
            return "cannot be looked up";
    }
}

}  // namespace

ExitCode check_recipients(const CheckOptions& options) {
    const auto source = config::parse_recipients(options.source);
    Opened opened;
    const Status status = source ? open_source(*source, opened) : Status(source.error());
    if (!status) {
        complain(status.error().message);
        return ExitCode::failed;
    }
    ExitCode code = ExitCode::ok;
    for (const std::string& address : options.addresses) {
        Parts parts;
        std::string_view problem;
        if (!split(address, options.delimiters, parts, problem)) {
            complain(address + ": " + std::string(problem));
            return ExitCode::usage;
        }
        const Found found = opened.lookup->find({}, parts.key);
        std::printf("%s: %s\n", address.c_str(), text_of(found));
        if (found == Found::no && code == ExitCode::ok) code = ExitCode::not_found;
        if (found == Found::unavailable) code = ExitCode::failed;
    }
    return code;
}

}  // namespace ringmx::ctl
