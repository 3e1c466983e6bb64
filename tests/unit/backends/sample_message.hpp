// A message for the tests of backends: owns what a ringmx_message points to, and overwrites it at its end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "ringmx/backend.hpp"

namespace ringmx::testing {

class SampleMessage {
 public:
    SampleMessage(std::uint32_t number, std::string content, std::vector<std::string> recipients,
                  std::size_t span_octets = 1000)
        : content_(std::move(content)), recipients_(std::move(recipients)) {
        for (const std::string& recipient : recipients_)
            raw_recipients_.push_back(
                {sizeof(ringmx_recipient), 0, {recipient.data(), recipient.size()}, {nullptr, 0}});
        for (std::size_t at = 0; at < content_.size() || spans_.empty(); at += span_octets)
            spans_.push_back({content_.data() + at, std::min(span_octets, content_.size() - at)});
        raw_.size = sizeof raw_;
        raw_.flags = RINGMX_ESMTP;
        std::snprintf(raw_.id_text, sizeof raw_.id_text, "%032x", number);
        raw_.token = number;
        raw_.received_us = 1'790'000'000'000'000;
        raw_.client_address[10] = raw_.client_address[11] = 0xff;
        raw_.client_address[12] = 127;
        raw_.client_address[15] = 1;
        raw_.client_name = {"client.test", 11};
        raw_.reverse_path = {"sender@client.test", 18};
        raw_.recipients = raw_recipients_.data();
        raw_.recipient_count = static_cast<std::uint32_t>(raw_recipients_.size());
        raw_.spans = spans_.data();
        raw_.span_count = static_cast<std::uint32_t>(spans_.size());
        raw_.octets = content_.size();
    }
    ~SampleMessage() { std::fill(content_.begin(), content_.end(), '#'); }
    SampleMessage(const SampleMessage&) = delete;
    SampleMessage& operator=(const SampleMessage&) = delete;

    ringmx_message& raw() { return raw_; }
    plugin::Message view() const { return plugin::Message(&raw_); }
    const std::string& content() const { return content_; }

 private:
    std::string content_;
    std::vector<std::string> recipients_;
    std::vector<ringmx_recipient> raw_recipients_;
    std::vector<ringmx_bytes> spans_;
    ringmx_message raw_{};
};

// Octets that look like nothing, the same for the same seed.
inline std::string noise(std::uint32_t seed, std::size_t octets) {
    std::string text(octets, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (char& c : text) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        c = static_cast<char>(state >> 32);
    }
    return text;
}

}  // namespace ringmx::testing
