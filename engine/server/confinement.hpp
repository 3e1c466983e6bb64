// How a program that starts an engine gives up what the engine no longer needs. The engine tells when; what
// is given up is the program's business (tools/ringmx). A library confines nobody by itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace ringmx::server {

class Confinement {
 public:
    virtual ~Confinement() = default;

    // Every address is bound; there is no other thread of the engine's yet, and it has opened no file.
    virtual Status bound() = 0;
    // Every ring and thread is made, and no client accepted yet. Returns what holds now, for the log.
    virtual Result<std::vector<std::pair<std::string, std::string>>> serving() = 0;
    // A descriptor to read a certificate or its key from; the caller's to close. Any thread, one at a time.
    virtual Result<int> open_certificate(const std::string& path) = 0;
};

}  // namespace ringmx::server
