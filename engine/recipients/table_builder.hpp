// Builds a table of recipients (table_format.hpp) from addresses in any order, with duplicates. Memory: about
// 25 MiB, 100 octets for each domain, half an octet for each address, and a 256th of the addresses; the rest
// waits in a temporary file beside the table.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "recipients/spill.hpp"
#include "recipients/table_format.hpp"

namespace ringmx::recipients {

class TableWriter;

class TableBuilder {
 public:
    // `output`: where the table is to be, for the temporary file's folder.
    static Result<TableBuilder> create(const std::string& output);

    // In canonical form (policy/mailbox_text.hpp). An empty local part: every one of that domain.
    Status add(std::string_view local_part, std::string_view domain);
    // Writes the table: to a temporary file beside it, synced, then renamed. Returns its header.
    Result<table::Header> finish();

 private:
    struct Domain {
        std::string_view name;  // the map's
        std::uint64_t hash = 0;
        std::uint64_t addresses = 0;  // with duplicates
        std::uint32_t number = 0;     // in the table: those with most addresses have the shortest numbers
        bool catch_all = false;
    };

    TableBuilder(std::string output, Spill spill) : output_(std::move(output)), spill_(std::move(spill)) {}
    std::uint32_t domain_of(std::string_view name);
    void number_domains();
    Status write(TableWriter& writer, table::Header& header);
    Status write_domains(TableWriter& writer, table::Header& header);
    Status write_addresses(TableWriter& writer, table::Header& header);
    Status write_part(std::string records, TableWriter& writer, table::Header& header,
                      std::vector<std::uint32_t>& index, std::uint64_t buckets, std::uint64_t start);

    std::string output_;
    Spill spill_;
    std::unordered_map<std::string, std::uint32_t> by_name_;
    std::vector<Domain> domains_;
    std::uint32_t last_domain_ = 0;
    std::uint64_t added_ = 0;
    std::string record_;
};

struct BuildReport {
    std::uint64_t lines = 0;
    std::uint64_t bad_lines = 0;
    std::uint64_t given = 0;  // addresses, with duplicates
    table::Header table;
};

// From the file `input` ("-": standard input), whose bad lines `complain` is told of. Unless `skip_bad`, no
// table is written when there is one.
Result<BuildReport> build_table(const std::string& input, const std::string& output, bool skip_bad,
                                const std::function<void(std::uint64_t, const std::string&)>& complain);

}  // namespace ringmx::recipients
