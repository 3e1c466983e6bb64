// A backend in a shared object, opened with options, and what it has completed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "driver_host.hpp"
#include "sample_message.hpp"

namespace ringmx::testing {

using OptionList = std::vector<std::pair<std::string, std::string>>;

class OpenedBackend {
 public:
    OpenedBackend(const std::string& path, const OptionList& options);
    ~OpenedBackend();
    OpenedBackend(const OpenedBackend&) = delete;
    OpenedBackend& operator=(const OpenedBackend&) = delete;

    const std::string& error() const { return error_; }  // of open(); empty: it is open
    const ringmx_instance& instance() const { return instance_; }

    // The message is kept until it is completed; its number is its token.
    void submit(std::unique_ptr<SampleMessage> message);
    // Calls tick() and takes completions until `enough`, or until a minute is over; whether it came.
    bool wait(const std::function<bool()>& enough);
    bool wait_all() {
        return wait([this] { return in_flight_.empty(); });
    }
    void close();

    struct Outcome {
        ringmx_status status;
        std::string text;
    };
    // By number; a message that is submitted again overwrites what was said before.
    const std::map<std::uint64_t, Outcome>& outcomes() const { return outcomes_; }
    std::uint64_t counter(const char* name) const { return host_.raw()->counter(host_.raw(), name)->value; }
    int false_completions() const { return false_completions_; }

 private:
    void take();

    driver::DriverHost host_;
    const ringmx_backend* backend_ = nullptr;
    ringmx_instance instance_{};
    std::string error_;
    bool open_ = false;
    std::map<std::uint64_t, std::unique_ptr<SampleMessage>> in_flight_;
    std::map<std::uint64_t, Outcome> outcomes_;
    int false_completions_ = 0;
};

}  // namespace ringmx::testing
