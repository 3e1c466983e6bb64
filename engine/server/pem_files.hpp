// Files in PEM that a configuration names: certificates, keys, authorities.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "server/file_stamp.hpp"
#include "tls/secret_text.hpp"

namespace ringmx::server {

// Opens a certificate or its key for reading; the caller closes it. The error names the file.
using CertificateOpener = std::function<Result<int>(const std::string& path)>;
Result<int> open_file(const std::string& path);

// Of a file that is too long for a chain or a key so much is read that it shows. The errors name the file.
Result<std::string> read_pem(const std::string& path, const CertificateOpener& open);
Result<tls::SecretText> read_key(const std::string& path, const CertificateOpener& open);

// The files of authorities that a path stands for, in order: itself, or those of a folder whose names end
// with .pem or .crt; none for an empty path.
std::vector<std::string> authority_files(const std::string& path);
// All of them, one behind the other. `open` opens a file; those of a folder, which come and go, are opened
// with the rights of the process.
Result<std::string> read_authorities(const std::string& path, const CertificateOpener& open);
std::vector<FileStamp> authority_stamps(const std::string& path, const CertificateOpener& open);

}  // namespace ringmx::server
