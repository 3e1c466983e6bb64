// Writes a table's file: to a name of its own beside it, sections with their checksums, the header last; then
// synced and renamed over what was there, whose mode and owner it takes. Whatever fails leaves the old file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "recipients/table_format.hpp"

namespace ringmx::recipients {

class TableWriter {
 public:
    static Result<TableWriter> create(const std::string& path);
    TableWriter(TableWriter&& other) noexcept;
    TableWriter& operator=(TableWriter&&) = delete;
    ~TableWriter();  // removes what is not finished

    std::uint64_t size() const { return size_; }
    std::uint64_t begin_section();  // its offset
    Status append(std::string_view octets);
    Status end_section(table::Section& section);
    Status append_index(const std::vector<std::uint32_t>& index, table::Section& section);
    Status finish(Bytes header);

 private:
    TableWriter(int fd, std::string path, std::string temporary);
    Status flush();
    void adopt_mode() const;

    int fd_;
    std::string path_;
    std::string temporary_;
    std::string waiting_;
    std::uint64_t size_ = table::kHeaderOctets;
    std::uint64_t section_ = 0;
    std::uint32_t crc_ = 0;  // of the section, up to what waits
};

}  // namespace ringmx::recipients
