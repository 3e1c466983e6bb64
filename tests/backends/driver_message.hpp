// A message of the backend driver: a file of content, an envelope, and the ringmx_message made of both. The
// memory of a message is overwritten and given back when its submission ends, so that a backend that touches
// it later is found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ringmx/backend.h"

namespace driver {

struct EnvelopeRecipient {
    std::string forward_path;
    std::string orcpt;
    std::uint32_t notify = 0;
};

struct Envelope {
    std::string reverse_path = "sender@client.test";
    std::string envid;
    std::string client_name = "client.test";
    std::string client_address = "192.0.2.1";
    std::uint16_t client_port = 40000;
    std::uint32_t ret = RINGMX_RET_UNSPECIFIED;
    std::uint32_t flags = RINGMX_ESMTP;
    std::int64_t received_us = 0;  // 0: when the driver started
    std::vector<EnvelopeRecipient> recipients;
};

// The envelope of a message file: `fallback`, with what the lines of FILE with the suffix .env say instead:
//     from REVERSE-PATH          (nothing: the null reverse-path)
//     to FORWARD-PATH [notify=success,failure,delay|never] [orcpt=TYPE;ADDRESS]
//     envid XTEXT | ret full|hdrs | helo NAME | address IP PORT | received_us NUMBER
//     flags esmtp,smtputf8,8bitmime,binarymime,tls
// Throws std::runtime_error with file and line.
Envelope envelope_of(const std::filesystem::path& message_file, const Envelope& fallback);

// One message to be submitted, perhaps several times, always with the same id.
struct Job {
    std::filesystem::path file;
    Envelope envelope;
    std::uint8_t id[16];
    std::string id_text;
    std::uint32_t attempts = 0;
};

// A UUIDv7 that depends on nothing but its arguments.
void make_id(Job& job, std::uint64_t seed, std::uint64_t index);

// A submission: owns all that its ringmx_message points to.
class Submission {
 public:
    // Content in spans of `span_octets` (the first one shorter, as of a trace header).
    Submission(const Job& job, std::uint64_t token, std::size_t span_octets);
    ~Submission();
    Submission(const Submission&) = delete;
    Submission& operator=(const Submission&) = delete;
    const ringmx_message* raw() const { return raw_.get(); }

 private:
    Envelope envelope_;
    std::vector<char> content_;
    std::vector<ringmx_bytes> spans_;
    std::vector<ringmx_recipient> recipients_;
    std::unique_ptr<ringmx_message> raw_;
};

}  // namespace driver
