#include "server/pem_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/limits.hpp"

namespace ringmx::server {

namespace {

// Appends what the file holds until there are more than `octets_max` octets.
template <typename Text>
Status read_into(Text& text, std::size_t octets_max, const std::string& path, const CertificateOpener& open) {
    const auto opened = open(path);
    if (!opened) return opened.error();
    const int fd = *opened;
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while (text.size() <= octets_max && (got = ::read(fd, buffer.data(), buffer.size())) > 0)
        text.append(buffer.data(), static_cast<std::size_t>(got));
    const int code = errno;
    ::close(fd);
    tls::cleanse(buffer.data(), buffer.size());
    if (got < 0) return system_error(code, path);
    return ok_status();
}

bool is_folder(const std::string& path) {
    std::error_code none;
    return std::filesystem::is_directory(path, none);
}

}  // namespace

Result<int> open_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, path);
    return fd;
}

Result<std::string> read_pem(const std::string& path, const CertificateOpener& open) {
    std::string text;
    if (Status read = read_into(text, limits::tls_chain_octets_max, path, open); !read) return read.error();
    return text;
}

Result<tls::SecretText> read_key(const std::string& path, const CertificateOpener& open) {
    tls::SecretText text;
    if (Status read = read_into(text, limits::tls_chain_octets_max, path, open); !read) return read.error();
    return text;
}

std::vector<std::string> authority_files(const std::string& path) {
    if (path.empty()) return {};
    if (!is_folder(path)) return {path};
    std::vector<std::string> files;
    std::error_code code;
    for (std::filesystem::directory_iterator at(path, code), end; !code && at != end; at.increment(code)) {
        const std::filesystem::path& file = at->path();
        if (file.extension() == ".pem" || file.extension() == ".crt") files.push_back(file);
    }
    std::sort(files.begin(), files.end());
    return files;
}

Result<std::string> read_authorities(const std::string& path, const CertificateOpener& open) {
    std::string text;
    const CertificateOpener opener = is_folder(path) ? open_file : open;
    for (const std::string& file : authority_files(path)) {
        if (Status read = read_into(text, limits::tls_authorities_octets_max, file, opener); !read)
            return read.error();
        text += '\n';
    }
    if (text.size() > limits::tls_authorities_octets_max)
        return Error{EFBIG, path + ": more than 4 MiB of authorities"};
    if (text.empty()) return Error{ENOENT, path + ": there is no file that ends with .pem or .crt"};
    return text;
}

std::vector<FileStamp> authority_stamps(const std::string& path, const CertificateOpener& open) {
    std::vector<FileStamp> stamps;
    const CertificateOpener opener = is_folder(path) ? open_file : open;
    for (const std::string& file : authority_files(path)) {
        const auto opened = opener(file);
        stamps.push_back(opened ? FileStamp::of(*opened) : FileStamp{});
        if (opened) ::close(*opened);
    }
    return stamps;
}

}  // namespace ringmx::server
