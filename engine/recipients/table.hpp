// The table of recipients that `ringmxctl recipients build` makes: exact, for tens of millions of addresses.
// It is read into memory and checked as a whole; a look-up then touches an index and one bucket for the
// domain, and as much for the address. What was checked keeps a look-up within the table whatever else is in
// it.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "recipients/private_copy.hpp"
#include "recipients/recipient_list.hpp"
#include "recipients/table_format.hpp"

namespace ringmx::recipients {

class Table final : public RecipientList {
 public:
    // The error names the file.
    static Result<std::shared_ptr<const Table>> load(const std::string& path);
    // Of bytes that outlive the object; the error has no name.
    static Result<std::shared_ptr<const Table>> view(Bytes bytes);

    bool contains(const policy::RecipientKey& key) const override;
    std::uint64_t size() const override { return header_.addresses + header_.catch_alls; }
    const table::Header& header() const { return header_; }

 private:
    // A section of entries with its index.
    struct Buckets {
        const std::uint8_t* entries = nullptr;
        const std::byte* index = nullptr;
        std::uint64_t count = 0;
    };
    struct Span {
        const std::uint8_t* at;
        const std::uint8_t* end;
    };
    struct Domain {
        std::uint32_t number;
        bool catch_all;
    };

    Table() = default;
    Status check(Bytes bytes);
    Status check_section(Bytes bytes, table::SectionName name) const;
    Status check_index(const Buckets& buckets, std::uint64_t octets) const;
    static Span bucket(const Buckets& buckets, std::uint64_t hash);
    static bool find_domain(Span within, std::string_view domain, Domain& found);
    static bool has(Span within, std::uint32_t domain, std::string_view local_part);

    PrivateCopy copy_;
    table::Header header_;
    Buckets domains_;
    Buckets addresses_;
};

}  // namespace ringmx::recipients
