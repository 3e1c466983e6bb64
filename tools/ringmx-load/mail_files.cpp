#include "mail_files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringmx::load {
namespace {

constexpr std::uint64_t kOctetsMax = std::uint64_t{4} << 30;  // of all mails, in memory

Result<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return system_error(errno, path.string());
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) return Error{EIO, path.string() + ": cannot be read"};
    return text;
}

bool is_from_line(std::string_view line) {
    return line.starts_with("From ");
}

// ">From ", ">>From ", ...
bool is_quoted_from(std::string_view line) {
    const std::size_t quotes = line.find_first_not_of('>');
    return quotes != 0 && quotes != std::string_view::npos && is_from_line(line.substr(quotes));
}

// In a Maildir the mails are in `cur` and `new`; beside these are files of whoever keeps it, and in Maildir++
// folders whose names begin with a dot.
bool is_maildir(const std::filesystem::path& folder) {
    std::error_code error;
    return std::filesystem::is_directory(folder / "cur", error) &&
           std::filesystem::is_directory(folder / "new", error);
}

Result<std::vector<std::string>> read_folder(const std::string& path) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(path, error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        const bool hidden = name.starts_with('.');
        const bool in_maildir = is_maildir(at->path().parent_path());
        if (at->is_directory()) {
            const bool skipped = (hidden && !is_maildir(at->path())) || (in_maildir && name == "tmp");
            if (skipped) at.disable_recursion_pending();
        } else if (!hidden && !in_maildir && at->is_regular_file()) {
            files.push_back(at->path());
        }
    }
    if (error) return Error{error.value(), path + ": " + error.message()};
    std::sort(files.begin(), files.end());
    std::vector<std::string> mails;
    std::uint64_t octets = 0;
    for (const auto& file : files) {
        auto text = read_file(file);
        if (!text) return text.error();
        octets += text->size();
        if (octets > kOctetsMax) return Error{EFBIG, path + ": more than 4 GiB of mails"};
        if (!text->empty()) mails.push_back(with_crlf(*text));
    }
    return mails;
}

}  // namespace

std::string with_crlf(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 32 + 2);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
        out.append(text.substr(at, end - at));
        out += "\r\n";
        at = end + (text.substr(end).starts_with("\r\n") ? 2 : 1);
    }
    return out;
}

std::vector<std::string> split_mbox(std::string_view text) {
    std::vector<std::string> mails;
    bool after_empty = true;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end == std::string_view::npos ? end : end + 1);
        text.remove_prefix(line.size());
        if (after_empty && is_from_line(line)) {
            mails.emplace_back();
        } else if (!mails.empty()) {
            mails.back() += is_quoted_from(line) ? line.substr(1) : line;
        }
        after_empty = line == "\n" || line == "\r\n";
    }
    for (std::string& mail : mails) {  // the empty line before the next "From " belongs to the format
        if (mail.ends_with("\r\n\r\n")) {
            mail.resize(mail.size() - 2);
        } else if (mail.ends_with("\n\n")) {
            mail.resize(mail.size() - 1);
        }
        mail = with_crlf(mail);
    }
    std::erase_if(mails, [](const std::string& mail) { return mail.empty(); });
    return mails;
}

Result<std::vector<std::string>> read_mails(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        auto mails = read_folder(path);
        if (mails && mails->empty()) return Error{ENOENT, path + ": no mail in this folder"};
        return mails;
    }
    if (const auto octets = std::filesystem::file_size(path, error); !error && octets > kOctetsMax) {
        return Error{EFBIG, path + ": more than 4 GiB of mails"};
    }
    const auto text = read_file(path);
    if (!text) return text.error();
    std::vector<std::string> mails = split_mbox(*text);
    if (mails.empty()) return Error{EINVAL, path + ": no mbox: no line begins with \"From \""};
    return mails;
}

}  // namespace ringmx::load
