// Storage backends in C++, over the C ABI of backend.h: derive from ringmx::plugin::Backend, end the file
// with RINGMX_BACKEND(Class, "name", "version"). docs/plugins.md; rules and lifetimes are those of backend.h.
//
//     using namespace ringmx::plugin;
//     class Printer final : public Backend {
//      public:
//         Printer(Host host, const Options&) : host_(host) {}
//         Durability durability() const override { return RINGMX_DURABLE_NONE; }
//         void submit(std::span<const Message> messages) override {
//             for (const Message& message : messages) {
//                 std::puts(message.id().data());
//                 host_.stored(message.token());
//             }
//         }
//      private:
//         Host host_;
//     };
//     RINGMX_BACKEND(Printer, "printer", "1.0")
//
// A constructor that throws stops the start of the server with what() as its message. An exception from any
// other function ends the process (std::terminate).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringmx/backend.h"

namespace ringmx::plugin {

using Status = ringmx_status;
using Durability = ringmx_durability;

inline std::string_view view(const ringmx_bytes& bytes) {
    return {bytes.data, bytes.size};
}

struct Recipient {
    std::string_view forward_path;  // without angle brackets
    std::string_view orcpt;         // empty: none
    std::uint32_t notify;           // RINGMX_NOTIFY_*
    std::string_view local_part() const { return forward_path.substr(0, forward_path.rfind('@')); }
    std::string_view domain() const {  // empty: `postmaster` without one
        const std::size_t at = forward_path.rfind('@');
        return at == std::string_view::npos ? std::string_view{} : forward_path.substr(at + 1);
    }
};

// A message that was submitted: a view, as cheap to copy as a pointer.
class Message {
 public:
    explicit Message(const ringmx_message* raw) : raw_(raw) {}
    const ringmx_message& raw() const { return *raw_; }
    std::uint64_t token() const { return raw_->token; }
    std::string_view id() const { return raw_->id_text; }
    std::string_view reverse_path() const { return view(raw_->reverse_path); }
    std::string_view client_name() const { return view(raw_->client_name); }
    std::string_view envid() const { return view(raw_->envid); }
    bool has(std::uint32_t flag) const { return (raw_->flags & flag) != 0; }
    std::uint64_t octets() const { return raw_->octets; }
    std::uint32_t recipient_count() const { return raw_->recipient_count; }
    Recipient recipient(std::uint32_t index) const {
        const ringmx_recipient& recipient = *ringmx_recipient_at(raw_, index);
        return {view(recipient.forward_path), view(recipient.orcpt), recipient.notify};
    }
    std::span<const ringmx_bytes> spans() const { return {raw_->spans, raw_->span_count}; }
    std::string content() const {  // a copy, in one piece
        std::string all;
        all.reserve(static_cast<std::size_t>(raw_->octets));
        for (const ringmx_bytes& span : spans())
            all.append(view(span));
        return all;
    }

 private:
    const ringmx_message* raw_;
};

// The server, as an instance sees it. Copies are the same host; every function from any thread.
class Host {
 public:
    explicit Host(const ringmx_host* raw) : raw_(raw) {}
    void complete(std::uint64_t token, Status status, std::string_view text = {}) const {
        raw_->complete(raw_, token, status, text.data(), text.size());
    }
    void stored(std::uint64_t token) const { complete(token, RINGMX_STORED); }
    void retry(std::uint64_t token, std::string_view text) const { complete(token, RINGMX_RETRY, text); }
    void reject(std::uint64_t token, std::string_view text) const { complete(token, RINGMX_REJECT, text); }
    void log(ringmx_log_level level, std::string_view text) const {
        raw_->log(raw_, level, text.data(), text.size());
    }
    ringmx_counter* counter(const char* name) const { return raw_->counter(raw_, name); }
    void count(ringmx_counter* counter, std::uint64_t add = 1) const {
        if (counter != nullptr) raw_->count(raw_, counter, add);
    }
    std::int64_t monotonic_ns() const { return raw_->monotonic_ns(raw_); }
    std::int64_t wall_us() const { return raw_->wall_us(raw_); }
    const ringmx_host* raw() const { return raw_; }

 private:
    const ringmx_host* raw_;
};

// The options of the configuration. get() and its kin note which names were asked for; what is left over is
// an error that names the option, found after the constructor.
class Options {
 public:
    Options(const ringmx_option* options, std::uint32_t count) {
        const char* at = reinterpret_cast<const char*>(options);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto& option = *reinterpret_cast<const ringmx_option*>(at);
            entries_.push_back({option.name, option.value, false});
            at += option.size;
        }
    }
    std::optional<std::string> find(std::string_view name) const {
        for (const Entry& entry : entries_) {
            if (entry.name != name) continue;
            entry.used = true;
            return entry.value;
        }
        return std::nullopt;
    }
    std::string get(std::string_view name, std::string_view fallback) const {
        return find(name).value_or(std::string(fallback));
    }
    std::string require(std::string_view name) const {
        if (auto value = find(name)) return *value;
        throw std::runtime_error("option " + std::string(name) + " is missing");
    }
    std::vector<std::string> all(std::string_view name) const {  // of an array
        std::vector<std::string> values;
        for (const Entry& entry : entries_) {
            if (entry.name != name) continue;
            entry.used = true;
            values.push_back(entry.value);
        }
        return values;
    }
    // Those whose names begin with `prefix`, which is left out: options that are passed on to a library.
    std::vector<std::pair<std::string, std::string>> with_prefix(std::string_view prefix) const {
        std::vector<std::pair<std::string, std::string>> found;
        for (const Entry& entry : entries_) {
            if (!entry.name.starts_with(prefix)) continue;
            entry.used = true;
            found.emplace_back(entry.name.substr(prefix.size()), entry.value);
        }
        return found;
    }
    // A whole number within limits, else an error that says so.
    std::uint64_t number(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                         std::uint64_t most) const {
        const auto text = find(name);
        if (!text) return fallback;
        std::size_t used = 0;
        std::uint64_t value = 0;
        try {
            value = std::stoull(*text, &used);
        } catch (const std::exception&) {
            used = 0;
        }
        if (used == 0 || used != text->size() || value < least || value > most) {
            throw std::runtime_error("option " + std::string(name) + " is to be a number from " +
                                     std::to_string(least) + " to " + std::to_string(most));
        }
        return value;
    }
    bool flag(std::string_view name, bool fallback) const {
        const auto text = find(name);
        if (!text) return fallback;
        if (*text != "true" && *text != "false") {
            throw std::runtime_error("option " + std::string(name) + " is to be true or false");
        }
        return *text == "true";
    }
    void check_all_used() const {
        for (const Entry& entry : entries_) {
            if (!entry.used) throw std::runtime_error("unknown option " + entry.name);
        }
    }

 private:
    struct Entry {
        std::string name, value;
        mutable bool used;
    };
    std::vector<Entry> entries_;
};

class Backend {
 public:
    virtual ~Backend() = default;
    virtual Durability durability() const = 0;
    virtual void submit(std::span<const Message> messages) = 0;
    virtual void flush() {}
    virtual void tick() {}
    // No more will come; complete what is in flight or give it up. The destructor follows.
    virtual void close() {}
    virtual std::uint32_t in_flight_max() const { return 0; }
};

namespace detail {

template <typename Class>
int open(const ringmx_host* host, const ringmx_option* options, std::uint32_t count,
         ringmx_instance* instance, char* error, std::size_t error_octets) noexcept {
    try {
        const Options given(options, count);
        Backend* made = new Class(Host(host), given);
        instance->self = made;
        try {
            given.check_all_used();
        } catch (...) {
            delete made;
            throw;
        }
        instance->durability = made->durability();
        instance->in_flight_max = made->in_flight_max();
        return 0;
    } catch (const std::exception& thrown) {
        const std::string_view what = thrown.what();
        const std::size_t octets = std::min(what.size(), error_octets - 1);
        std::memcpy(error, what.data(), octets);
        error[octets] = '\0';
        return 1;
    }
}

inline void submit(void* self, const ringmx_message* const* messages, std::size_t count) noexcept {
    // Not thread_local: LeakSanitizer (gcc 12) takes the thread-local memory of a loaded object for something
    // else, and dies.
    const std::vector<Message> views(messages, messages + count);
    static_cast<Backend*>(self)->submit(views);
}

inline void flush(void* self) noexcept {
    static_cast<Backend*>(self)->flush();
}

inline void tick(void* self) noexcept {
    static_cast<Backend*>(self)->tick();
}

inline void close(void* self) noexcept {
    auto* backend = static_cast<Backend*>(self);
    backend->close();
    delete backend;
}

template <typename Class>
constexpr ringmx_backend describe(const char* name, const char* version) {
    return {
        sizeof(ringmx_backend), RINGMX_BACKEND_ABI, name, version, open<Class>, submit, flush, tick, close};
}

}  // namespace detail
}  // namespace ringmx::plugin

// The entry point of a plugin whose backend is `Class`, which is made with (Host, const Options&).
#define RINGMX_BACKEND(Class, backend_name, backend_version)                        \
    extern "C" RINGMX_EXPORT const ringmx_backend* ringmx_backend_entry(void) {     \
        static constexpr ringmx_backend backend =                                   \
            ringmx::plugin::detail::describe<Class>(backend_name, backend_version); \
        return &backend;                                                            \
    }
