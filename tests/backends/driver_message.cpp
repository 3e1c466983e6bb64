#include "driver_message.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>

namespace driver {
namespace {

ringmx_bytes bytes_of(const std::string& text) {
    return {text.data(), text.size()};
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);)
        parts.push_back(part);
    return parts;
}

std::uint32_t bits_of(const std::string& words,
                      std::initializer_list<std::pair<const char*, std::uint32_t>> known) {
    std::uint32_t bits = 0;
    for (const std::string& word : split(words, ',')) {
        const auto* found = std::find_if(known.begin(), known.end(),
                                         [&word](const auto& entry) { return word == entry.first; });
        if (found == known.end()) throw std::runtime_error("unknown word " + word);
        bits |= found->second;
    }
    return bits;
}

EnvelopeRecipient recipient_of(const std::string& rest) {
    EnvelopeRecipient recipient;
    for (const std::string& word : split(rest, ' ')) {
        if (word.starts_with("notify=")) {
            recipient.notify = bits_of(word.substr(7), {{"never", RINGMX_NOTIFY_NEVER},
                                                        {"success", RINGMX_NOTIFY_SUCCESS},
                                                        {"failure", RINGMX_NOTIFY_FAILURE},
                                                        {"delay", RINGMX_NOTIFY_DELAY}});
        } else if (word.starts_with("orcpt=")) {
            recipient.orcpt = word.substr(6);
        } else if (recipient.forward_path.empty()) {
            recipient.forward_path = word;
        } else {
            throw std::runtime_error("unknown parameter " + word);
        }
    }
    return recipient;
}

void apply(Envelope& envelope, const std::string& key, const std::string& rest) {
    if (key == "from") {
        envelope.reverse_path = rest;
    } else if (key == "to") {
        envelope.recipients.push_back(recipient_of(rest));
    } else if (key == "envid") {
        envelope.envid = rest;
    } else if (key == "helo") {
        envelope.client_name = rest;
    } else if (key == "received_us") {
        envelope.received_us = std::stoll(rest);
    } else if (key == "ret") {
        envelope.ret = bits_of(rest, {{"full", RINGMX_RET_FULL}, {"hdrs", RINGMX_RET_HDRS}});
    } else if (key == "flags") {
        envelope.flags = bits_of(rest, {{"esmtp", RINGMX_ESMTP},
                                        {"smtputf8", RINGMX_SMTPUTF8},
                                        {"8bitmime", RINGMX_8BITMIME},
                                        {"binarymime", RINGMX_BINARYMIME},
                                        {"tls", RINGMX_TLS}});
    } else if (key == "address") {
        const auto parts = split(rest, ' ');
        if (parts.size() != 2) throw std::runtime_error("give an address and a port");
        envelope.client_address = parts[0];
        envelope.client_port = static_cast<std::uint16_t>(std::stoul(parts[1]));
    } else {
        throw std::runtime_error("unknown key " + key);
    }
}

void put_address(const std::string& text, std::uint8_t (&out)[16]) {
    if (inet_pton(AF_INET6, text.c_str(), out) == 1) return;
    std::memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    if (inet_pton(AF_INET, text.c_str(), out + 12) != 1) throw std::runtime_error("not an address: " + text);
}

std::int64_t start_us() {
    static const auto start = std::chrono::system_clock::now();
    return std::chrono::duration_cast<std::chrono::microseconds>(start.time_since_epoch()).count();
}

// A mixing function (SplitMix64): ids of neighbours have nothing in common but their time.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

}  // namespace

Envelope envelope_of(const std::filesystem::path& message_file, const Envelope& fallback) {
    Envelope envelope = fallback;
    auto path = message_file;
    std::ifstream in(path.replace_extension(".env"));
    bool own_recipients = false;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.empty()) continue;
        const std::size_t space = line.find(' ');
        const std::string key = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        if (key == "to" && !std::exchange(own_recipients, true)) envelope.recipients.clear();
        try {
            apply(envelope, key, rest);
        } catch (const std::exception& error) {
            throw std::runtime_error(path.string() + ":" + std::to_string(number) + ": " + error.what());
        }
    }
    if (envelope.recipients.empty()) throw std::runtime_error(message_file.string() + ": no recipient");
    return envelope;
}

void make_id(Job& job, std::uint64_t seed, std::uint64_t index) {
    const std::uint64_t millis = 1'790'000'000'000u + index;
    const std::uint64_t high = mixed(seed ^ mixed(index));
    const std::uint64_t low = mixed(high ^ seed);
    for (int i = 0; i < 6; ++i)
        job.id[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
    job.id[6] = static_cast<std::uint8_t>(0x70 | (high & 0x0f));
    job.id[7] = static_cast<std::uint8_t>(high >> 8);
    for (int i = 0; i < 8; ++i)
        job.id[8 + i] = static_cast<std::uint8_t>(low >> (8 * i));
    job.id[8] = static_cast<std::uint8_t>(0x80 | (job.id[8] & 0x3f));
    job.id_text.clear();
    for (int i = 0; i < 16; ++i) {
        char octet[3];
        std::snprintf(octet, sizeof octet, "%02x", job.id[i]);
        job.id_text += octet;
    }
}

Submission::Submission(const Job& job, std::uint64_t token, std::size_t span_octets)
    : envelope_(job.envelope), raw_(std::make_unique<ringmx_message>()) {
    std::ifstream in(job.file, std::ios::binary);
    content_.assign(std::istreambuf_iterator<char>(in), {});
    if (!in.good() && !in.eof()) throw std::runtime_error("cannot read " + job.file.string());
    std::size_t at = 0;
    std::size_t next = std::min<std::size_t>(content_.size(), std::max<std::size_t>(1, span_octets / 7));
    do {
        spans_.push_back({content_.data() + at, next});
        at += next;
        next = std::min(content_.size() - at, span_octets);
    } while (at < content_.size());
    for (const EnvelopeRecipient& recipient : envelope_.recipients) {
        recipients_.push_back({sizeof(ringmx_recipient), recipient.notify, bytes_of(recipient.forward_path),
                               bytes_of(recipient.orcpt)});
    }
    ringmx_message& raw = *raw_;
    raw = {};
    raw.size = sizeof(ringmx_message);
    raw.flags = envelope_.flags;
    std::memcpy(raw.id, job.id, sizeof raw.id);
    std::memcpy(raw.id_text, job.id_text.c_str(), std::min(job.id_text.size() + 1, sizeof raw.id_text));
    raw.token = token;
    raw.received_us = envelope_.received_us != 0 ? envelope_.received_us : start_us();
    put_address(envelope_.client_address, raw.client_address);
    raw.client_port = envelope_.client_port;
    raw.ret = envelope_.ret;
    raw.client_name = bytes_of(envelope_.client_name);
    raw.reverse_path = bytes_of(envelope_.reverse_path);
    raw.envid = bytes_of(envelope_.envid);
    raw.recipients = recipients_.data();
    raw.recipient_count = static_cast<std::uint32_t>(recipients_.size());
    raw.span_count = static_cast<std::uint32_t>(spans_.size());
    raw.spans = spans_.data();
    raw.octets = content_.size();
}

Submission::~Submission() {
    std::fill(content_.begin(), content_.end(), '#');
    for (EnvelopeRecipient& recipient : envelope_.recipients)
        std::fill(recipient.forward_path.begin(), recipient.forward_path.end(), '#');
    std::fill(envelope_.reverse_path.begin(), envelope_.reverse_path.end(), '#');
}

}  // namespace driver
