#include "recipients/text_list.hpp"

#include <cerrno>

#include "policy/mailbox_text.hpp"
#include "recipients/address_line.hpp"
#include "recipients/line_reader.hpp"

namespace ringmx::recipients {

Result<RecipientListPtr> TextList::load(const std::string& path, const policy::AcceptedDomains* domains) {
    auto reader = LineReader::open(path);
    if (!reader) return reader.error();
    const std::shared_ptr<TextList> list(new TextList());
    AddressLine address;
    std::string problem;
    std::string_view line;
    bool too_long = false;
    while (reader->next(line, too_long)) {
        const auto refused = [&](const std::string& why) {
            return Error{EINVAL, path + ":" + std::to_string(reader->number()) + ": " + why};
        };
        if (too_long) return refused("the line is too long");
        if (!parse_address_line(line, reader->number() == 1, address, problem)) return refused(problem);
        if (address.empty()) continue;
        if (domains != nullptr && !domains->accepts_canonical(address.domain.view())) {
            return refused("domain \"" + std::string(address.domain.view()) +
                           "\" is not among the accepted domains");
        }
        policy::ShortText key;
        key.append(address.local_part.view());
        key.append("@");
        key.append(address.domain.view());
        if (!list->set_.add(key.view())) return refused("too many addresses: their text passes 4 GiB");
    }
    if (!reader->status()) return reader->status().error();
    list->set_.build();
    return RecipientListPtr(list);
}

bool TextList::has(std::string_view local_part, std::string_view domain) const {
    policy::ShortText key;
    return key.append(local_part) && key.append("@") && key.append(domain) && set_.contains(key.view());
}

bool TextList::contains(const policy::RecipientKey& key) const {
    return has({}, key.domain) || (!key.local_part.empty() && has(key.local_part, key.domain)) ||
           (!key.base.empty() && has(key.base, key.domain));
}

}  // namespace ringmx::recipients
