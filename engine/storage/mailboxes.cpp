#include "storage/mailboxes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "message/envelope.hpp"
#include "storage/mailbox_name.hpp"
#include "storage/maildir_text.hpp"
#include "storage/write_pieces.hpp"

namespace ringmx::storage {
namespace {

constexpr char kStagedMark = ',';  // "NAME,3": the file for the fourth mailbox; no host's name has one

struct Target {
    std::string mailbox;  // its path below the prefix
    std::string headers;  // in front of the message
};

// A message under way. Its first mailbox's file is open from the first part on.
struct Delivery {
    Message* message = nullptr;
    int fd = -1;
    int error = 0;             // errno of the first failure; nothing more is written then
    std::size_t staged = 0;    // files that are there for the first of the targets
    std::uint64_t octets = 0;  // of the first file
    std::string name;
    std::vector<Target> targets;
};

class MailboxesBackend final : public Backend {
 public:
    MailboxesBackend(const MaildirOptions& options, PathTemplate path, StoreSink& sink,
                     std::unique_ptr<MailboxFiles> files)
        : sink_(sink),
          files_(std::move(files)),
          path_(std::move(path)),
          hostname_(options.hostname),
          host_(maildir_host(options.hostname)),
          min_free_bytes_(options.min_free_bytes) {
        remove_left_overs();
        tick(Now{});
    }

    BackendTraits traits() const override { return {"maildir", Durability::machine, true, true}; }
    void submit(std::span<const StoreRequest> batch) override;
    void flush() override {}
    void tick(Now now) override;
    bool accepting() const override { return accepting_; }
    void close() override;
    std::uint64_t outstanding() const override { return 0; }  // a commit is answered within submit()
    const BackendCounters& counters() const override { return counters_; }

 private:
    void remove_left_overs();
    static std::string staged_name(const Delivery& delivery, std::size_t target);
    void open_delivery(Message& message, Bytes envelope);
    void find_targets(Delivery& delivery, Bytes envelope);
    Delivery& delivery_of(Message& message);
    void on_part(Message& message, Chunk& chunk);
    void on_commit(Message& message);
    void on_abort(Message& message);
    void write_first(Delivery& delivery, Bytes payload);
    void write_chunks(Delivery& delivery, const Chunk* first);
    void write_all(Delivery& delivery, std::span<iovec> pieces);
    int copy_for(Delivery& delivery, std::size_t target);
    int copy_body(const Delivery& delivery, int fd, std::uint64_t& octets);
    void stage_all(Delivery& delivery);
    void deliver_all(Delivery& delivery);
    void fail(Delivery& delivery, int error);
    void clean_up(Delivery& delivery);
    void forget(Delivery& delivery);

    StoreSink& sink_;
    std::unique_ptr<MailboxFiles> files_;
    const PathTemplate path_;
    const std::string hostname_;
    const std::string host_;
    const std::uint64_t min_free_bytes_;
    // A message's backend_state[0] is the index of its delivery plus one; 0: none yet.
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(limits::chunk_large_bytes);
    std::uint64_t copied_ = 0;  // octets of the present message's further files
    BackendCounters counters_;
    bool accepting_ = false;
};

void MailboxesBackend::remove_left_overs() {
    if (files_->alone()) {
        for (const std::string& name : files_->list()) {
            const std::string_view stem = std::string_view(name).substr(0, name.rfind(kStagedMark));
            if (stem.size() < name.size() && is_maildir_name(stem, host_)) files_->remove(name.c_str());
        }
    }
    files_->share();
}

void MailboxesBackend::submit(std::span<const StoreRequest> batch) {
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

std::string MailboxesBackend::staged_name(const Delivery& delivery, std::size_t target) {
    return delivery.name + kStagedMark + std::to_string(target);
}

// The mailboxes of all recipients, each once, in the order of the transaction.
void MailboxesBackend::find_targets(Delivery& delivery, Bytes envelope) {
    std::unordered_map<std::string, std::size_t> known;
    EnvelopeReader reader(envelope);
    while (const auto record = reader.next()) {
        if (record->field != EnvelopeField::forward_path) continue;
        const std::string_view forward_path = as_text(record->value);
        std::string mailbox = mailbox_path(path_, mailbox_of(forward_path, hostname_));
        const auto [found, added] = known.emplace(std::move(mailbox), delivery.targets.size());
        if (added)
            append_return_path(envelope, delivery.targets.emplace_back(Target{found->first, {}}).headers);
        append_original_to(forward_path, delivery.targets[found->second].headers);
    }
    RMX_ASSERT(!reader.malformed() && !delivery.targets.empty());
}

void MailboxesBackend::open_delivery(Message& message, Bytes envelope) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(deliveries_.size()));
        deliveries_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    message.backend_state[0] = std::uint64_t{index} + 1;
    Delivery& delivery = deliveries_[index];
    delivery.message = &message;
    delivery.name = maildir_name(message.id, host_);
    find_targets(delivery, envelope);
    delivery.fd = files_->create(staged_name(delivery, 0).c_str());
    if (delivery.fd < 0) {
        fail(delivery, -delivery.fd);
    } else {
        delivery.staged = 1;
    }
}

Delivery& MailboxesBackend::delivery_of(Message& message) {
    Delivery& delivery = deliveries_[message.backend_state[0] - 1];
    RMX_ASSERT(delivery.message == &message);
    return delivery;
}

void MailboxesBackend::forget(Delivery& delivery) {
    free_.push_back(static_cast<std::uint32_t>(delivery.message->backend_state[0] - 1));
    delivery = Delivery{};
}

void MailboxesBackend::on_part(Message& message, Chunk& chunk) {
    if (message.backend_state[0] == 0) {
        open_delivery(message, chunk.payload().first(message.envelope_bytes));
        write_first(delivery_of(message), chunk.payload());
    } else {
        std::array pieces = {piece_of(chunk.payload())};
        write_all(delivery_of(message), pieces);
    }
    sink_.part_done(&message, &chunk, maildir_verdict(delivery_of(message).error).status);
}

void MailboxesBackend::on_commit(Message& message) {
    const Chunk* rest = message.first;
    if (message.backend_state[0] == 0) {
        open_delivery(message, rest->payload().first(message.envelope_bytes));
        write_first(delivery_of(message), rest->payload());
        rest = rest->next;
    }
    Delivery& delivery = delivery_of(message);
    write_chunks(delivery, rest);
    ++counters_.batches;
    copied_ = 0;
    stage_all(delivery);
    deliver_all(delivery);
    clean_up(delivery);
    if (delivery.error == 0) {
        ++counters_.messages_stored;
        counters_.bytes_stored += delivery.octets + copied_;
    } else {
        ++counters_.messages_failed;
    }
    const MaildirVerdict outcome = maildir_verdict(delivery.error);
    forget(delivery);
    sink_.message_done(&message, outcome.status, outcome.text);
}

void MailboxesBackend::on_abort(Message& message) {
    if (message.backend_state[0] != 0) {
        clean_up(delivery_of(message));
        forget(delivery_of(message));
    }
    sink_.message_done(&message, StoreStatus::aborted, {});
}

// The first chunk begins with the envelope, in whose place stand the headers of delivery.
void MailboxesBackend::write_first(Delivery& delivery, Bytes payload) {
    std::array pieces = {piece_of(as_bytes(delivery.targets.front().headers)),
                         piece_of(payload.subspan(delivery.message->envelope_bytes))};
    write_all(delivery, pieces);
}

void MailboxesBackend::write_chunks(Delivery& delivery, const Chunk* first) {
    std::array<iovec, kPiecesMax> pieces;
    while (first != nullptr) {
        std::size_t count = 0;
        for (; first != nullptr && count < pieces.size(); first = first->next)
            pieces[count++] = piece_of(first->payload());
        write_all(delivery, std::span(pieces).first(count));
    }
}

void MailboxesBackend::write_all(Delivery& delivery, std::span<iovec> pieces) {
    if (delivery.error != 0) return;
    if (const int error = write_pieces(*files_, delivery.fd, pieces, delivery.octets)) fail(delivery, error);
}

// Appends what is behind the headers of the first file. 0 or errno.
int MailboxesBackend::copy_body(const Delivery& delivery, int fd, std::uint64_t& octets) {
    std::uint64_t at = delivery.targets.front().headers.size();
    while (at < delivery.octets) {
        const std::int64_t count = files_->read(delivery.fd, at, buffer_);
        if (count == -EINTR) continue;
        if (count <= 0) return count == 0 ? EIO : static_cast<int>(-count);
        at += static_cast<std::uint64_t>(count);
        std::array pieces = {piece_of(std::span(buffer_).first(static_cast<std::size_t>(count)))};
        if (const int error = write_pieces(*files_, fd, pieces, octets)) return error;
    }
    return 0;
}

// The file of another mailbox than the first. 0 or errno.
int MailboxesBackend::copy_for(Delivery& delivery, std::size_t target) {
    const int fd = files_->create(staged_name(delivery, target).c_str());
    if (fd < 0) return -fd;
    ++delivery.staged;
    std::array pieces = {piece_of(as_bytes(delivery.targets[target].headers))};
    int error = write_pieces(*files_, fd, pieces, copied_);
    if (error == 0) error = copy_body(delivery, fd, copied_);
    if (error == 0) error = -files_->sync(fd);
    const int closed = files_->close(fd);
    return error != 0 ? error : -closed;
}

// Everything that is likely to fail: all files complete and synced, all mailboxes there. Nothing is seen yet.
void MailboxesBackend::stage_all(Delivery& delivery) {
    for (std::size_t target = 0; target < delivery.targets.size() && delivery.error == 0; ++target) {
        int error = -files_->prepare(delivery.targets[target].mailbox);
        if (error == 0) error = target == 0 ? -files_->sync(delivery.fd) : copy_for(delivery, target);
        if (error != 0) fail(delivery, error);
    }
    if (delivery.error != 0) return;
    if (const int closed = files_->close(std::exchange(delivery.fd, -1)); closed != 0)
        fail(delivery, -closed);
}

// A name that is there already is this message's: names come from ids. It is not ours to take back.
void MailboxesBackend::deliver_all(Delivery& delivery) {
    std::vector<std::size_t> linked;
    for (std::size_t target = 0; target < delivery.targets.size() && delivery.error == 0; ++target) {
        const int result = files_->deliver(staged_name(delivery, target).c_str(),
                                           delivery.targets[target].mailbox, delivery.name.c_str());
        if (result == 0) linked.push_back(target);
        if (result != 0 && result != -EEXIST) fail(delivery, -result);
    }
    if (delivery.error == 0) return;
    for (const std::size_t target : linked)
        files_->withdraw(delivery.targets[target].mailbox, delivery.name.c_str());
}

// Its space comes back at once, also while the rest of the message is still arriving.
void MailboxesBackend::fail(Delivery& delivery, int error) {
    delivery.error = error;
    ++counters_.io_errors;
    if (maildir_verdict(error).status == StoreStatus::full) accepting_ = false;  // until a tick finds room
    clean_up(delivery);
}

// Closes and removes what is staged; what was linked stays in its mailbox.
void MailboxesBackend::clean_up(Delivery& delivery) {
    if (delivery.fd >= 0) files_->close(delivery.fd);
    delivery.fd = -1;
    while (delivery.staged != 0)
        files_->remove(staged_name(delivery, --delivery.staged).c_str());
}

// Messages that were begun and neither committed nor aborted (the server cut them off) leave nothing behind.
void MailboxesBackend::close() {
    for (Delivery& delivery : deliveries_) {
        if (delivery.message == nullptr) continue;
        clean_up(delivery);
        forget(delivery);
    }
}

void MailboxesBackend::tick(Now) {
    files_->refresh();
    const std::int64_t free = files_->bytes_free();
    counters_.bytes_free = free < 0 ? 0 : static_cast<std::uint64_t>(free);
    accepting_ = free > 0 && static_cast<std::uint64_t>(free) >= min_free_bytes_;
}

}  // namespace

std::unique_ptr<Backend> make_mailboxes(const MaildirOptions& options, PathTemplate path, StoreSink& sink,
                                        std::unique_ptr<MailboxFiles> files) {
    return std::make_unique<MailboxesBackend>(options, std::move(path), sink, std::move(files));
}

Result<std::unique_ptr<Backend>> open_mailboxes(const MaildirOptions& options, PathTemplate path,
                                                StoreSink& sink) {
    auto files = open_mailbox_files(path.prefix);
    if (!files) return files.error();
    return make_mailboxes(options, std::move(path), sink, std::move(*files));
}

}  // namespace ringmx::storage
