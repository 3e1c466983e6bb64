// Recipients of a text file, kept as a set of strings: for lists of up to some hundred thousand. A table
// (table.hpp) of the same addresses takes less memory and loads in less time.
#pragma once

#include <string>

#include "base/result.hpp"
#include "policy/accepted_domains.hpp"
#include "policy/string_set.hpp"
#include "recipients/recipient_list.hpp"

namespace ringmx::recipients {

class TextList final : public RecipientList {
 public:
    // With `domains`, an address in none of them is an error. The error is "FILE:LINE: what is wrong".
    static Result<RecipientListPtr> load(const std::string& path, const policy::AcceptedDomains* domains);

    bool contains(const policy::RecipientKey& key) const override;
    std::uint64_t size() const override { return set_.size(); }

 private:
    TextList() = default;
    bool has(std::string_view local_part, std::string_view domain) const;

    policy::StringSet set_;  // "local@domain", "@domain"
};

}  // namespace ringmx::recipients
