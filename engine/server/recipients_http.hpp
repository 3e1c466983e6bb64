// What an HTTP service of recipients is asked with, as [accept.http] says: the token and the authorities are
// read here.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "recipients/http_client.hpp"

namespace ringmx::server {

// The error names the key and the file. Loads libcurl, too, so that `ringmx check` finds it missing.
Result<recipients::HttpOptions> recipients_over_http(const config::HttpServiceConfig& config,
                                                     const std::string& url);

}  // namespace ringmx::server
