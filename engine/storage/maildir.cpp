#include "storage/maildir.hpp"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/path_template.hpp"
#include "storage/mailboxes.hpp"
#include "storage/maildir_text.hpp"
#include "storage/write_pieces.hpp"

namespace ringmx::storage {
namespace {

// Committed messages that share one fsync of new/, and so the descriptors open for them.
constexpr std::size_t kGroupMax = 256;

// A file in tmp/ (or, once delivered, in new/) and what has gone wrong with it, if anything.
struct Delivery {
    Message* message = nullptr;
    int fd = -1;
    bool created = false;  // tmp/NAME is there
    int error = 0;         // errno of the first failure; nothing more is written then
    std::uint64_t bytes = 0;
    std::string name;
};

class MaildirBackend final : public Backend {
 public:
    MaildirBackend(const MaildirOptions& options, StoreSink& sink, std::unique_ptr<MaildirFiles> files)
        : sink_(sink),
          files_(std::move(files)),
          host_(maildir_host(options.hostname)),
          min_free_bytes_(options.min_free_bytes) {
        remove_left_overs();
        tick(Now{});
    }

    BackendTraits traits() const override { return {"maildir", Durability::machine, true, true}; }
    void submit(std::span<const StoreRequest> batch) override;
    void flush() override;
    void tick(Now now) override;
    bool accepting() const override { return accepting_; }
    void close() override;
    std::uint64_t outstanding() const override { return committed_.size(); }
    const BackendCounters& counters() const override { return counters_; }

 private:
    void remove_left_overs();
    void open_delivery(Message& message);
    static std::uint32_t index_of(const Message& message);
    Delivery& delivery_of(Message& message);
    void drop(std::uint32_t index);
    void forget(std::uint32_t index);
    void on_part(Message& message, Chunk& chunk);
    void on_commit(Message& message);
    void on_abort(Message& message);
    void write_first(Delivery& delivery, Bytes payload);
    void write_chunks(Delivery& delivery, const Chunk* first);
    void write_all(Delivery& delivery, std::span<iovec> pieces);
    void fail(Delivery& delivery, int error);
    void sync_and_deliver(Delivery& delivery);
    void finish(std::uint32_t index, int group_error);

    StoreSink& sink_;
    std::unique_ptr<MaildirFiles> files_;
    const std::string host_;
    const std::uint64_t min_free_bytes_;
    // A message's backend_state[0] is the index of its delivery plus one; 0: none yet.
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> committed_;  // since the last flush
    std::string headers_;
    BackendCounters counters_;
    bool accepting_ = false;
};

void MaildirBackend::remove_left_overs() {
    if (files_->alone()) {
        for (const std::string& name : files_->list_tmp()) {
            if (is_maildir_name(name, host_)) files_->remove(MaildirFolder::tmp, name.c_str());
        }
    }
    files_->share();
}

void MaildirBackend::submit(std::span<const StoreRequest> batch) {
    for (const StoreRequest& request : batch) {
        switch (request.op) {
            case StoreOp::part:
                on_part(*request.message, *request.chunk);
                break;
            case StoreOp::commit:
                on_commit(*request.message);
                break;
            case StoreOp::abort:
                on_abort(*request.message);
                break;
        }
    }
}

void MaildirBackend::open_delivery(Message& message) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(deliveries_.size()));
        deliveries_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Delivery& delivery = deliveries_[index];
    delivery = Delivery{};
    delivery.message = &message;
    delivery.name = maildir_name(message.id, host_);
    delivery.fd = files_->create_tmp(delivery.name.c_str());
    delivery.created = delivery.fd >= 0;
    if (!delivery.created) fail(delivery, -delivery.fd);
    message.backend_state[0] = std::uint64_t{index} + 1;
}

std::uint32_t MaildirBackend::index_of(const Message& message) {
    return static_cast<std::uint32_t>(message.backend_state[0] - 1);
}

Delivery& MaildirBackend::delivery_of(Message& message) {
    Delivery& delivery = deliveries_[index_of(message)];
    RMX_ASSERT(delivery.message == &message);
    return delivery;
}

void MaildirBackend::forget(std::uint32_t index) {
    deliveries_[index] = Delivery{};
    free_.push_back(index);
}

void MaildirBackend::on_part(Message& message, Chunk& chunk) {
    const bool first = message.backend_state[0] == 0;
    if (first) open_delivery(message);
    Delivery& delivery = delivery_of(message);
    if (first) {
        write_first(delivery, chunk.payload());
    } else {
        std::array pieces = {piece_of(chunk.payload())};
        write_all(delivery, pieces);
    }
    sink_.part_done(&message, &chunk, maildir_verdict(delivery.error).status);
}

void MaildirBackend::on_commit(Message& message) {
    const Chunk* rest = message.first;
    if (message.backend_state[0] == 0) {
        open_delivery(message);
        write_first(delivery_of(message), rest->payload());
        rest = rest->next;
    }
    write_chunks(delivery_of(message), rest);
    committed_.push_back(index_of(message));
    if (committed_.size() >= kGroupMax) flush();
}

void MaildirBackend::drop(std::uint32_t index) {
    const Delivery& delivery = deliveries_[index];
    if (delivery.fd >= 0) files_->close(delivery.fd);
    if (delivery.created) files_->remove(MaildirFolder::tmp, delivery.name.c_str());
    forget(index);
}

void MaildirBackend::on_abort(Message& message) {
    if (message.backend_state[0] != 0) drop(index_of(message));
    sink_.message_done(&message, StoreStatus::aborted, {});
}

// The first chunk begins with the envelope, in whose place stand the headers of delivery.
void MaildirBackend::write_first(Delivery& delivery, Bytes payload) {
    if (delivery.error != 0) return;
    const std::uint32_t envelope_bytes = delivery.message->envelope_bytes;
    RMX_ASSERT(envelope_bytes <= payload.size());
    headers_.clear();
    const bool well_formed = append_delivery_headers(payload.first(envelope_bytes), headers_);
    RMX_ASSERT(well_formed);
    std::array pieces = {piece_of(as_bytes(headers_)), piece_of(payload.subspan(envelope_bytes))};
    write_all(delivery, pieces);
}

void MaildirBackend::write_chunks(Delivery& delivery, const Chunk* first) {
    std::array<iovec, kPiecesMax> pieces;
    while (first != nullptr) {
        std::size_t count = 0;
        for (; first != nullptr && count < pieces.size(); first = first->next) {
            pieces[count++] = piece_of(first->payload());
        }
        write_all(delivery, std::span(pieces).first(count));
    }
}

void MaildirBackend::write_all(Delivery& delivery, std::span<iovec> pieces) {
    if (delivery.error != 0) return;
    if (const int error = write_pieces(*files_, delivery.fd, pieces, delivery.bytes)) fail(delivery, error);
}

// The file is of no use any more: its space comes back at once.
void MaildirBackend::fail(Delivery& delivery, int error) {
    delivery.error = error;
    ++counters_.io_errors;
    if (maildir_verdict(error).status == StoreStatus::full) accepting_ = false;  // until a tick finds room
    if (std::exchange(delivery.created, false)) files_->remove(MaildirFolder::tmp, delivery.name.c_str());
    if (delivery.fd >= 0) files_->close(delivery.fd);
    delivery.fd = -1;
}

// fsync is never tried again: after a failure the kernel has dropped what it could not write.
void MaildirBackend::sync_and_deliver(Delivery& delivery) {
    if (delivery.error != 0) return;
    int result = files_->sync(delivery.fd);
    const int closed = files_->close(std::exchange(delivery.fd, -1));
    if (result == 0) result = closed;
    if (result == 0) result = files_->deliver(delivery.name.c_str());
    if (result != 0) fail(delivery, -result);
}

void MaildirBackend::flush() {
    if (committed_.empty()) return;
    ++counters_.batches;
    bool any = false;
    for (const std::uint32_t index : committed_) {
        sync_and_deliver(deliveries_[index]);
        any = any || deliveries_[index].error == 0;
    }
    const int group_error = any ? -files_->sync_new() : 0;
    std::vector<std::uint32_t> group;
    group.swap(committed_);
    for (const std::uint32_t index : group)
        finish(index, group_error);
}

void MaildirBackend::finish(std::uint32_t index, int group_error) {
    Delivery& delivery = deliveries_[index];
    if (delivery.error == 0 && group_error != 0) {
        // Not known to be durable, so the client will send it again: it must not be there twice.
        files_->remove(MaildirFolder::fresh, delivery.name.c_str());
        delivery.created = false;
        fail(delivery, group_error);
    }
    const MaildirVerdict outcome = maildir_verdict(delivery.error);
    if (delivery.error == 0) {
        ++counters_.messages_stored;
        counters_.bytes_stored += delivery.bytes;
    } else {
        ++counters_.messages_failed;
    }
    Message* const message = delivery.message;
    forget(index);
    sink_.message_done(message, outcome.status, outcome.text);
}

// Messages that were begun and neither committed nor aborted (the server cut them off) leave nothing behind.
void MaildirBackend::close() {
    RMX_ASSERT(outstanding() == 0);
    for (std::uint32_t index = 0; index < deliveries_.size(); ++index) {
        if (deliveries_[index].message != nullptr) drop(index);
    }
}

void MaildirBackend::tick(Now) {
    const std::int64_t free = files_->bytes_free();
    counters_.bytes_free = free < 0 ? 0 : static_cast<std::uint64_t>(free);
    accepting_ = free > 0 && static_cast<std::uint64_t>(free) >= min_free_bytes_;
}

}  // namespace

std::unique_ptr<Backend> make_maildir(const MaildirOptions& options, StoreSink& sink,
                                      std::unique_ptr<MaildirFiles> files) {
    return std::make_unique<MaildirBackend>(options, sink, std::move(files));
}

Result<std::unique_ptr<Backend>> open_maildir(const MaildirOptions& options, StoreSink& sink) {
    auto path = PathTemplate::parse(options.path);
    if (!path) return Error{path.error().code, "maildir " + options.path + " " + path.error().message};
    if (!path->components.empty()) return open_mailboxes(options, std::move(*path), sink);
    auto files = open_maildir_files(options.path);
    if (!files) return files.error();
    return make_maildir(options, sink, std::move(*files));
}

}  // namespace ringmx::storage
