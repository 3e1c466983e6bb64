// What `ringmx serve` gives up, and when: section [confine] of the configuration, docs/confinement.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "confine/account.hpp"
#include "confine/file_keeper.hpp"
#include "confine/paths.hpp"
#include "server/confinement.hpp"

namespace ringmx::tools {

class ProcessConfinement final : public server::Confinement {
 public:
    // While the process has one thread. `config` outlives the object. The error is one of the configuration.
    static Result<std::unique_ptr<ProcessConfinement>> prepare(const config::Config& config);

    Status bound() override;
    Result<std::vector<std::pair<std::string, std::string>>> serving() override;
    Result<int> open_certificate(const std::string& path) override;

 private:
    explicit ProcessConfinement(const config::Config& config) : config_(config) {}

    const config::Config& config_;
    std::optional<confine::Account> account_;  // to become; none: it stays who it is
    std::unique_ptr<confine::FileKeeper> keeper_;
    std::string user_;   // as whom it serves
    std::string paths_;  // what holds for them, for the log
};

}  // namespace ringmx::tools
