#include "server/tls_setup.hpp"

#include <algorithm>
#include <chrono>

#include <unistd.h>

#include "base/clock.hpp"
#include "base/limits.hpp"

namespace ringmx::server {

namespace {

using std::chrono::steady_clock;

constexpr int kExpiryWarningDays = 14;
constexpr std::chrono::hours kWarnAgain{24};

std::int64_t now_s() {
    return read_clock().wall_us / kUsPerSecond;
}

std::vector<std::string> chains_of(const tls::ContextOptions& options) {
    std::vector<std::string> chains;
    for (const tls::CertificateText& text : options.certificates)
        chains.push_back(text.chain);
    return chains;
}

}  // namespace

Result<tls::ContextOptions> read_certificates(const config::TlsConfig& config,
                                              const CertificateOpener& open) {
    tls::ContextOptions options;
    for (const config::CertificateFiles& files : config.certificates) {
        auto chain = read_pem(files.chain, open);
        if (!chain) return chain.error();
        auto key = read_key(files.key, open);
        if (!key) return key.error();
        options.certificates.push_back({files.chain, std::move(*chain), std::move(*key), files.names});
    }
    if (!config.client_authorities.empty()) {
        auto authorities = read_authorities(config.client_authorities, open);
        if (!authorities) return authorities.error();
        options.client_authorities = std::move(*authorities);
    }
    options.profile =
        config.profile == config::TlsProfile::modern ? tls::Profile::modern : tls::Profile::intermediate;
    options.version_min =
        config.version_min == config::TlsVersion::tls_1_3 ? tls::Version::tls_1_3 : tls::Version::tls_1_2;
    options.tickets = config.tickets;
    options.ticket_lifetime_s = config.ticket_lifetime_s;
    options.request_client_certificate = config.client_certificates == config::ClientCertificates::request;
    return options;
}

Result<std::vector<std::string>> check_certificates(const config::TlsConfig& config,
                                                    const std::string& hostname,
                                                    const CertificateOpener& open) {
    if (config.certificates.empty()) return std::vector<std::string>();
    const auto options = read_certificates(config, open);
    if (!options) return options.error();
    return check_certificates(*options, hostname);
}

Result<std::vector<std::string>> check_certificates(const tls::ContextOptions& options,
                                                    const std::string& hostname) {
    std::vector<std::string> warnings;
    bool covered = false;
    for (const tls::CertificateText& text : options.certificates) {
        const auto certificate = tls::parse_certificate(text);
        if (!certificate) return certificate.error();
        const std::string problem = tls::validity_problem(*certificate, now_s());
        if (!problem.empty()) return Error{0, text.label + ": " + problem};
        const std::string soon = tls::expiry_warning(*certificate, now_s(), kExpiryWarningDays);
        if (!soon.empty()) warnings.push_back(text.label + ": " + soon);
        covered = covered || tls::covers(*certificate, hostname);
    }
    if (!covered) warnings.push_back("no certificate is issued for server.hostname \"" + hostname + "\"");
    if (auto made = tls::Context::create(options, nullptr); !made) return made.error();
    return warnings;
}

// --- contexts
// ----------------------------------------------------------------------------------------------------------

TlsSetup::TlsSetup(const config::TlsConfig& config, const std::string& hostname, unsigned cores,
                   admin::Log& log, CertificateOpener open)
    : config_(config),
      hostname_(hostname),
      log_(log),
      open_(std::move(open)),
      slots_(cores),
      keys_(tls::TicketKeys::create()) {}

Result<std::unique_ptr<TlsSetup>> TlsSetup::open(const config::TlsConfig& config, const std::string& hostname,
                                                 unsigned cores, admin::Log& log, CertificateOpener open) {
    std::unique_ptr<TlsSetup> setup(new TlsSetup(config, hostname, cores, log, std::move(open)));
    if (!setup->keys_) return Error{0, "no random octets for ticket keys"};
    if (Status loaded = setup->load(true); !loaded) return loaded.error();
    return setup;
}

// All cores or none: their contexts are made before any is used.
Status TlsSetup::load(bool first) {
    stamps_ = stamps();
    const auto options = read_certificates(config_, open_);
    if (!options) return options.error();
    // Certificates that are out of their time, but in use already, do not stand in the way of other changes.
    std::vector<std::string> chains = chains_of(*options);
    if (!first && chains != chains_) {
        if (auto good = check_certificates(*options, hostname_); !good) return good.error();
    }
    std::vector<std::shared_ptr<const tls::Context>> contexts;
    for (std::size_t core = 0; core < slots_.size(); ++core) {
        auto context = tls::Context::create(*options, keys_);
        if (!context) return context.error();
        contexts.push_back(std::move(*context));
    }
    for (std::size_t core = 0; core < slots_.size(); ++core)
        slots_[core].set(std::move(contexts[core]));
    chains_ = std::move(chains);
    warn_of_validity(*options);
    return ok_status();
}

void TlsSetup::warn_of_validity(const tls::ContextOptions& options) {
    for (const tls::CertificateText& text : options.certificates) {
        const auto certificate = tls::parse_certificate(text);
        if (!certificate) continue;
        const std::string ended = tls::validity_problem(*certificate, now_s());
        const std::string soon = tls::expiry_warning(*certificate, now_s(), kExpiryWarningDays);
        if (!ended.empty()) log_.event(admin::LogLevel::error, "certificate", ended, {{"file", text.label}});
        if (!soon.empty()) log_.event(admin::LogLevel::warning, "certificate", soon, {{"file", text.label}});
    }
}

std::vector<FileStamp> TlsSetup::stamps() const {
    std::vector<FileStamp> all;
    const auto add = [&](const std::string& path) {
        const auto opened = open_(path);
        all.push_back(opened ? FileStamp::of(*opened) : FileStamp{});
        if (opened) ::close(*opened);
    };
    for (const config::CertificateFiles& files : config_.certificates) {
        add(files.chain);
        add(files.key);
    }
    for (const FileStamp& stamp : authority_stamps(config_.client_authorities, open_))
        all.push_back(stamp);
    return all;
}

// --- the thread
// --------------------------------------------------------------------------------------------------------

void TlsSetup::start(admin::CoreCounters& counters) {
    counters_ = &counters;
    const auto now = steady_clock::now();
    rotation_ = now + std::chrono::seconds(config_.ticket_lifetime_s);
    warning_ = now + kWarnAgain;
    watcher_.start(next_look(), [this](bool asked) { return watch(asked); });
}

Watcher::Time TlsSetup::next_look() const {
    return std::min(steady_clock::now() + std::chrono::seconds(config_.check_interval_s), rotation_);
}

Watcher::Time TlsSetup::watch(bool asked) {
    const auto now = steady_clock::now();
    if (now >= rotation_) {
        rotation_ = now + std::chrono::seconds(config_.ticket_lifetime_s);
        if (!keys_->rotate())
            log_.event(admin::LogLevel::error, "tls", "no random octets for a new ticket key");
    }
    look(asked);
    if (now >= warning_) {
        warning_ = now + kWarnAgain;
        if (const auto options = read_certificates(config_, open_)) warn_of_validity(*options);
    }
    return next_look();
}

void TlsSetup::look(bool in_any_case) {
    // What was refused may be good by now, as it is: a certificate that begins a little later.
    if (!in_any_case && refusal_.empty() && stamps() == stamps_) return;
    if (const Status loaded = load(false); !loaded) {
        const bool known = std::exchange(refusal_, loaded.error().message) == loaded.error().message;
        if (known && !in_any_case) return;
        counters_->tls_reloads_refused.add(1);
        log_.event(admin::LogLevel::error, "certificates_refused",
                   loaded.error().message + "; the certificates before are kept");
        return;
    }
    refusal_.clear();
    counters_->tls_reloads.add(1);
    log_.event(admin::LogLevel::info, "certificates", "loaded anew");
}

}  // namespace ringmx::server
