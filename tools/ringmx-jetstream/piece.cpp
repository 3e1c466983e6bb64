#include "piece.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "records/crc32c.hpp"
#include "records/envelope_headers.hpp"

namespace ringmx::jetstream {
namespace {

constexpr std::size_t name_octets_max = 180;
constexpr std::uint32_t chunks_max = 1u << 20;

std::string_view header(natsMsg* message, std::string_view name) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, std::string(name).c_str(), &value) != NATS_OK || value == nullptr)
        return {};
    return value;
}

template <typename Number>
bool parse(std::string_view text, Number& number, int base = 10) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

// Ids go into file names: nothing but what ringmx writes there.
bool is_plain(std::string_view text) {
    return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-' || c == '/';
    });
}

// Undoes percent_encode(), but not for octets that could end a header line.
std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned octet = 0;
        if (text[i] == '%' && i + 2 < text.size() && parse(text.substr(i + 1, 2), octet, 16) &&
            octet >= 0x20 && octet != 0x7f) {
            plain += static_cast<char>(octet);
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

// The path in "<PATH> PARAMETER...".
std::string path_of(std::string_view value) {
    const std::size_t end = value.find('>');
    if (!value.starts_with('<') || end == std::string_view::npos) return {};
    return decoded(value.substr(1, end - 1));
}

std::string trace_of(natsMsg* message) {
    const std::string_view sender = header(message, records::header_mail_from);
    if (sender.empty()) return {};
    std::string trace = "Return-Path: <" + path_of(sender) + ">\r\n";
    const char** values = nullptr;
    int count = 0;
    if (natsMsgHeader_Values(message, std::string(records::header_rcpt_to).c_str(), &values, &count) !=
        NATS_OK)
        return trace;
    for (int i = 0; i < count; ++i)
        trace += "X-Original-To: " + path_of(values[i]) + "\r\n";
    std::free(values);
    return trace;
}

bool read_chunk(natsMsg* message, Piece& piece) {
    const std::string_view chunk = header(message, records::header_chunk);
    if (chunk.empty()) return piece.data.size() == piece.octets;
    const std::size_t slash = chunk.find('/');
    if (slash == std::string_view::npos || !parse(chunk.substr(0, slash), piece.number) ||
        !parse(chunk.substr(slash + 1), piece.count) ||
        !parse(header(message, records::header_chunk_octets), piece.chunk_octets)) {
        return false;
    }
    if (piece.number == 0 || piece.number > piece.count || piece.count > chunks_max ||
        piece.chunk_octets == 0 || piece.offset() > piece.octets) {
        return false;
    }
    return piece.data.size() == std::min(piece.chunk_octets, piece.octets - piece.offset());
}

}  // namespace

std::optional<Piece> read_piece(natsMsg* message) {
    Piece piece;
    piece.id = header(message, records::header_id);
    piece.unit = header(message, records::header_unit);
    piece.data = {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
    if (const char* reply = natsMsg_GetReply(message)) piece.reply = reply;
    if (!is_plain(piece.id) || !is_plain(piece.unit) ||
        !parse(header(message, records::header_octets), piece.octets) ||
        !parse(header(message, records::header_crc32c), piece.crc32c, 16) || !read_chunk(message, piece)) {
        return std::nullopt;
    }
    if (piece.number == 1) piece.trace = trace_of(message);
    return piece;
}

std::string unit_file_name(const Piece& piece) {
    std::string name = piece.unit;
    std::replace(name.begin(), name.end(), '/', '+');
    if (name.size() <= name_octets_max) return name;
    char tail[32];
    std::snprintf(tail, sizeof tail, "+%08x.%zu", records::crc32c(0, name), name.size());
    return name.substr(0, name_octets_max) + tail;
}

}  // namespace ringmx::jetstream
