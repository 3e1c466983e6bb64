#include "recipients/table_builder.hpp"

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "recipients/address_line.hpp"
#include "recipients/line_reader.hpp"
#include "recipients/table_writer.hpp"

namespace ringmx::recipients {

using namespace table;

namespace {

constexpr unsigned kParts = 256;  // by the upper octet of the hash: in the order of the buckets
constexpr std::uint64_t kHashPerPartShift = 56;

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// A record of the spill: provisional number of the domain, octets of the local part, the local part.
struct Record {
    std::uint64_t hash;
    std::uint32_t domain;
    std::string_view local_part;
    bool operator<(const Record& other) const {
        if (hash != other.hash) return hash < other.hash;
        if (domain != other.domain) return domain < other.domain;
        return local_part < other.local_part;
    }
    bool operator==(const Record&) const = default;
};

Error too_much(const char* what) {
    return {EFBIG, std::string("too many ") + what + ": their text passes 4 GiB"};
}

}  // namespace

Result<TableBuilder> TableBuilder::create(const std::string& output) {
    auto spill = Spill::create(folder_of(output), kParts);
    if (!spill) return spill.error();
    return TableBuilder(output, std::move(*spill));
}

std::uint32_t TableBuilder::domain_of(std::string_view name) {
    if (!domains_.empty() && domains_[last_domain_].name == name) return last_domain_;
    const auto [at, is_new] =
        by_name_.try_emplace(std::string(name), static_cast<std::uint32_t>(domains_.size()));
    if (is_new) domains_.push_back({.name = at->first, .hash = hash_domain(name)});
    return last_domain_ = at->second;
}

Status TableBuilder::add(std::string_view local_part, std::string_view domain) {
    if (domains_.size() > INT32_MAX) return too_much("domains");  // a bit of a number is the catch-all's
    const std::uint32_t number = domain_of(domain);
    if (local_part.empty()) {
        domains_[number].catch_all = true;
        return ok_status();
    }
    ++domains_[number].addresses;
    ++added_;
    record_.clear();
    append_varint(record_, number);
    append_varint(record_, static_cast<std::uint32_t>(local_part.size()));
    record_.append(local_part);
    const std::uint64_t hash = hash_address(domains_[number].hash, local_part);
    return spill_.append(static_cast<unsigned>(hash >> kHashPerPartShift), record_);
}

void TableBuilder::number_domains() {
    std::vector<std::uint32_t> order(domains_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        if (domains_[a].addresses != domains_[b].addresses)
            return domains_[a].addresses > domains_[b].addresses;
        return domains_[a].name < domains_[b].name;
    });
    for (std::uint32_t i = 0; i < order.size(); ++i)
        domains_[order[i]].number = i;
}

Result<Header> TableBuilder::finish() {
    auto writer = TableWriter::create(output_);
    if (!writer) return writer.error();
    number_domains();
    Header header;
    if (const Status written = write(*writer, header); !written) return written.error();
    return header;
}

Status TableBuilder::write(TableWriter& writer, Header& header) {
    if (Status status = write_domains(writer, header); !status) return status;
    if (Status status = write_addresses(writer, header); !status) return status;
    header.domains = domains_.size();
    header.file_octets = writer.size();
    return writer.finish(encode(header));
}

Status TableBuilder::write_domains(TableWriter& writer, Header& header) {
    std::vector<const Domain*> sorted;
    sorted.reserve(domains_.size());
    for (const Domain& domain : domains_) {
        sorted.push_back(&domain);
        header.catch_alls += domain.catch_all ? 1 : 0;
    }
    std::sort(sorted.begin(), sorted.end(), [](const Domain* a, const Domain* b) {
        return a->hash != b->hash ? a->hash < b->hash : a->name < b->name;
    });
    const std::uint64_t buckets = buckets_for(sorted.size());
    std::vector<std::uint32_t> index;
    index.reserve(buckets + 1);
    const std::uint64_t start = writer.begin_section();
    for (const Domain* domain : sorted) {
        while (index.size() <= bucket_of(domain->hash, buckets))
            index.push_back(static_cast<std::uint32_t>(writer.size() - start));
        record_.clear();
        append_varint(record_, static_cast<std::uint32_t>(domain->name.size()));
        record_.append(domain->name);
        append_varint(record_, domain->number << 1 | (domain->catch_all ? 1 : 0));
        if (Status status = writer.append(record_); !status) return status;
        if (writer.size() - start > kSectionOctetsMax) return too_much("domains");
    }
    index.resize(buckets + 1, static_cast<std::uint32_t>(writer.size() - start));
    if (Status status = writer.end_section(header.section[domain_entries]); !status) return status;
    return writer.append_index(index, header.section[domain_index]);
}

Status TableBuilder::write_addresses(TableWriter& writer, Header& header) {
    const std::uint64_t buckets = buckets_for(added_);
    std::vector<std::uint32_t> index;
    index.reserve(buckets + 1);
    const std::uint64_t start = writer.begin_section();
    for (unsigned part = 0; part < kParts; ++part) {
        auto records = spill_.read(part);
        if (!records) return records.error();
        if (Status status = write_part(std::move(*records), writer, header, index, buckets, start); !status)
            return status;
    }
    index.resize(buckets + 1, static_cast<std::uint32_t>(writer.size() - start));
    if (Status status = writer.end_section(header.section[address_entries]); !status) return status;
    return writer.append_index(index, header.section[address_index]);
}

Status TableBuilder::write_part(std::string records, TableWriter& writer, Header& header,
                                std::vector<std::uint32_t>& index, std::uint64_t buckets,
                                std::uint64_t start) {
    std::vector<Record> sorted;
    const auto* at = reinterpret_cast<const std::uint8_t*>(records.data());
    const std::uint8_t* const end = at + records.size();
    while (at != end) {
        std::uint32_t domain = 0;
        std::uint32_t octets = 0;
        const bool whole = read_varint(at, end, domain) && read_varint(at, end, octets) &&
                           octets <= static_cast<std::size_t>(end - at);
        RMX_ASSERT(whole);
        const std::string_view local_part(reinterpret_cast<const char*>(at), octets);
        sorted.push_back({hash_address(domains_[domain].hash, local_part), domain, local_part});
        at += octets;
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const Record& record : sorted) {
        while (index.size() <= bucket_of(record.hash, buckets))
            index.push_back(static_cast<std::uint32_t>(writer.size() - start));
        record_.clear();
        append_varint(record_, domains_[record.domain].number);
        append_varint(record_, static_cast<std::uint32_t>(record.local_part.size()));
        record_.append(record.local_part);
        if (Status status = writer.append(record_); !status) return status;
        if (writer.size() - start > kSectionOctetsMax) return too_much("addresses");
    }
    header.addresses += sorted.size();
    return ok_status();
}

Result<BuildReport> build_table(const std::string& input, const std::string& output, bool skip_bad,
                                const std::function<void(std::uint64_t, const std::string&)>& complain) {
    auto reader = LineReader::open(input);
    if (!reader) return reader.error();
    auto builder = TableBuilder::create(output);
    if (!builder) return builder.error();
    BuildReport report;
    AddressLine address;
    std::string problem;
    std::string_view line;
    bool too_long = false;
    while (reader->next(line, too_long)) {
        ++report.lines;
        if (too_long) problem = "the line is too long";
        if (too_long || !parse_address_line(line, report.lines == 1, address, problem)) {
            ++report.bad_lines;
            complain(report.lines, problem);
            continue;
        }
        if (address.empty()) continue;
        ++report.given;
        if (report.bad_lines > 0 && !skip_bad) continue;  // no table will come of it: only look for more
        if (Status added = builder->add(address.local_part.view(), address.domain.view()); !added)
            return added.error();
    }
    if (!reader->status()) return reader->status().error();
    if (report.bad_lines > 0 && !skip_bad) return report;
    auto header = builder->finish();
    if (!header) return header.error();
    report.table = *header;
    return report;
}

}  // namespace ringmx::recipients
