// What the cores of a server share of admission (docs/admission.md): the limits of the configuration, the
// secret of the keys, and the table of all connections. Each core has a gate of its own over it.
#pragma once

#include "admission/gate.hpp"
#include "config/config.hpp"

namespace ringmx::server {

struct AdmissionSetup {
    explicit AdmissionSetup(const config::Config& config);

    admission::Settings settings;
    admission::Secret secret = admission::Secret::random();
    admission::SharedCounts shared;
    unsigned cores;
    std::uint32_t reserve_per_core;  // connections kept for limits.known
};

// Octets of the shared table, and of each core's.
std::size_t admission_shared_bytes();
std::size_t admission_core_bytes();

}  // namespace ringmx::server
