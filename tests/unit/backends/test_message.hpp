// A ringmx_message for tests, which owns all that it points to. The content is given in pieces, one span
// each.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "ringmx/backend.hpp"

namespace ringmx::backends {

struct TestRecipient {
    std::string forward_path;
    std::uint32_t notify = 0;
    std::string orcpt = {};
};

class TestMessage {
 public:
    TestMessage(std::vector<TestRecipient> recipients, std::vector<std::string> pieces)
        : recipients_(std::move(recipients)), pieces_(std::move(pieces)) {
        raw.size = sizeof raw;
        raw.id[15] = 1;
        std::strcpy(raw.id_text, "00000000-0000-7000-8000-000000000001");
        raw.client_address[10] = raw.client_address[11] = 0xff;
        raw.client_address[12] = 192;
        raw.client_address[15] = 7;
        for (const TestRecipient& one : recipients_) {
            raw_recipients_.push_back(
                {sizeof(ringmx_recipient), one.notify, bytes(one.forward_path), bytes(one.orcpt)});
        }
        for (const std::string& piece : pieces_) {
            spans_.push_back(bytes(piece));
            raw.octets += piece.size();
        }
        raw.recipients = raw_recipients_.data();
        raw.recipient_count = static_cast<std::uint32_t>(raw_recipients_.size());
        raw.spans = spans_.data();
        raw.span_count = static_cast<std::uint32_t>(spans_.size());
        set_from("sender@client.test");
    }
    TestMessage(const TestMessage&) = delete;
    TestMessage& operator=(const TestMessage&) = delete;

    void set_from(const std::string& path) {
        from_ = path;
        raw.reverse_path = bytes(from_);
    }
    plugin::Message view() const { return plugin::Message(&raw); }

    ringmx_message raw{};

 private:
    static ringmx_bytes bytes(const std::string& text) { return {text.data(), text.size()}; }

    std::vector<TestRecipient> recipients_;
    std::vector<std::string> pieces_;
    std::vector<ringmx_recipient> raw_recipients_;
    std::vector<ringmx_bytes> spans_;
    std::string from_;
};

}  // namespace ringmx::backends
