// Messages, a recording sink and backends for the tests of hosts and backends.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "message/message.hpp"
#include "storage/backend.hpp"

namespace ringmx::storage {

// A message whose chunks live as long as it does.
class TestMessage {
 public:
    explicit TestMessage(std::string_view reverse_path = "alice@example.org",
                         std::vector<std::string> forward_paths = {"bob@example.com"},
                         std::uint8_t number = 1) {
        message.id.bytes = {0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b,
                            0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, number};
        Chunk& first = add_chunk();
        put_envelope(EnvelopeField::reverse_path, reverse_path);
        for (const std::string& path : forward_paths)
            put_envelope(EnvelopeField::forward_path, path);
        message.envelope_bytes = first.end - first.begin;
        message.recipients = static_cast<std::uint32_t>(forward_paths.size());
    }

    Chunk& add_chunk() {
        memory_.push_back(std::make_unique<std::byte[]>(kBytes));
        Chunk& chunk = chunks_.emplace_back();
        chunk.memory = memory_.back().get();
        chunk.capacity = kBytes;
        chunk.begin = chunk.end = limits::chunk_headroom_bytes;
        (message.first == nullptr ? message.first : message.last->next) = &chunk;
        message.last = &chunk;
        return chunk;
    }
    void put(std::string_view text) {
        std::memcpy(message.last->memory + message.last->end, text.data(), text.size());
        message.last->end += static_cast<std::uint32_t>(text.size());
        message.body_bytes += text.size();
    }
    // The oldest chunk leaves early.
    Chunk* detach() {
        Chunk* chunk = message.first;
        message.first = chunk->next;
        if (message.first == nullptr) message.last = nullptr;
        chunk->next = nullptr;
        ++message.parts_submitted;
        return chunk;
    }

    Message message;

 private:
    static constexpr std::size_t kBytes = 8192;
    void put_envelope(EnvelopeField field, std::string_view value) {
        Chunk& chunk = *message.last;
        chunk.end += static_cast<std::uint32_t>(append_envelope_record(chunk.room(), field, as_bytes(value)));
    }
    std::deque<Chunk> chunks_;
    std::vector<std::unique_ptr<std::byte[]>> memory_;
};

struct RecordingSink final : StoreSink {
    struct Part {
        Message* message;
        Chunk* chunk;
        StoreStatus status;
    };
    struct Done {
        Message* message;
        StoreStatus status;
        std::string text;
    };
    std::vector<Part> parts;
    std::vector<Done> done;
    void part_done(Message* message, Chunk* chunk, StoreStatus status) override {
        parts.push_back({message, chunk, status});
    }
    void message_done(Message* message, StoreStatus status, std::string_view text) override {
        done.push_back({message, status, std::string(text)});
    }
};

}  // namespace ringmx::storage
