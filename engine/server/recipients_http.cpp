#include "server/recipients_http.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "server/pem_files.hpp"
#include "tls/authorities.hpp"

namespace ringmx::server {

namespace {

Result<std::string> read_token(const std::string& path) {
    std::ifstream file(path);
    std::string token;
    if (!std::getline(file, token)) return Error{0, "accept.http.bearer_token_file: cannot read " + path};
    if (!token.empty() && token.back() == '\r') token.pop_back();
    const bool good =
        !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!good) {
        return Error{0, "accept.http.bearer_token_file: the first line of " + path +
                            " is no token: visible ASCII characters without blanks"};
    }
    return token;
}

}  // namespace

Result<recipients::HttpOptions> recipients_over_http(const config::HttpServiceConfig& config,
                                                     const std::string& url) {
    if (const auto curl = recipients::CurlLibrary::get(); !curl)
        return Error{0, "accept.recipients: " + curl.error().message};
    auto parsed = UrlTemplate::parse(url);
    if (!parsed) return Error{0, "accept.recipients: " + parsed.error().message};
    recipients::HttpOptions options{std::move(*parsed), {}, config.connections};
    options.request.user_agent = "ringmx/" RINGMX_VERSION;
    options.request.headers = config.headers;
    if (!config.bearer_token_file.empty()) {
        auto token = read_token(config.bearer_token_file);
        if (!token) return token.error();
        options.request.bearer_token = std::move(*token);
    }
    if (!config.ca_file.empty()) {
        std::error_code none;
        if (std::filesystem::is_directory(config.ca_file, none))
            return Error{0, "accept.http.ca_file: " + config.ca_file + " is a folder"};
        const auto text = read_authorities(config.ca_file, open_file);
        if (!text) return Error{0, "accept.http.ca_file: " + text.error().message};
        if (const Status good = tls::check_authorities(*text); !good)
            return Error{0, "accept.http.ca_file: " + good.error().message};
        options.request.ca_file = config.ca_file;
    }
    return options;
}

}  // namespace ringmx::server
