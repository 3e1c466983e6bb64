// What a core does in a turn between what came in and what goes out: requests to storage and its reports, the
// answers of policy, connections that waited for memory, timers. No I/O of its own: bench/epoll_twin compiles
// this file under a loop over epoll.
#include <algorithm>
#include <utility>

#include "server/core.hpp"
#include "server/transaction_log.hpp"

namespace ringmx::server {

namespace {

smtp::BareNewline to_smtp(config::BareNewlineMode mode) {
    switch (mode) {
        case config::BareNewlineMode::normalize:
            return smtp::BareNewline::normalize;
        case config::BareNewlineMode::reject:
            return smtp::BareNewline::reject;
        case config::BareNewlineMode::accept:
            return smtp::BareNewline::accept;
    }
    return smtp::BareNewline::normalize;
}

}  // namespace

std::int64_t Core::timeout_ns(smtp::Stage stage, bool calm) const {
    const config::TimeoutConfig& timeouts = options_.config.timeouts;
    const config::StressConfig& stress = options_.config.stress;
    const bool hurried = stressed() && !calm;
    switch (stage) {
        case smtp::Stage::banner:
        case smtp::Stage::command:
            return (hurried ? std::min(stress.command_s, timeouts.command_s) : timeouts.command_s) *
                   kNsPerSecond;
        case smtp::Stage::data_block:
            return (hurried ? std::min(stress.data_block_s, timeouts.data_block_s) : timeouts.data_block_s) *
                   kNsPerSecond;
        case smtp::Stage::end_of_data:
            return timeouts.end_of_data_s * kNsPerSecond;
    }
    return timeouts.command_s * kNsPerSecond;
}

smtp::BareNewline Core::bare_newline_for(const PeerAddress& peer) const {
    const config::SmtpConfig& smtp = options_.config.smtp;
    for (const auto& exception : smtp.bare_newline_exceptions) {
        if (exception.network.contains(peer)) return to_smtp(exception.mode);
    }
    return to_smtp(smtp.bare_newline);
}

smtp::TlsUse Core::tls_use_for(const PeerAddress& peer) const {
    if (options_.tls == nullptr) return smtp::TlsUse::none;
    const auto& networks = options_.config.tls.required;
    const bool required = std::any_of(networks.begin(), networks.end(),
                                      [&](const Network& network) { return network.contains(peer); });
    return required ? smtp::TlsUse::required : smtp::TlsUse::offered;
}

bool Core::takes_xclient(const PeerAddress& peer) const {
    const auto& networks = options_.config.proxy.xclient;
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& network) { return network.contains(peer); });
}

// --- storage
// -----------------------------------------------------------------------------------------------------------

void Core::submit(const storage::StoreRequest& request) {
    if (request.op == storage::StoreOp::commit) unanswered_.add(*request.message);
    if (waiting_requests_.empty() && host_->submit(request)) return;
    waiting_requests_.push_back(request);
}

void Core::part_done(Message* message, Chunk* chunk, storage::StoreStatus status) {
    slabs_->release(chunk);
    --message->parts_in_flight;
    if (status != storage::StoreStatus::stored) message->part_failed = true;
    if (!message->orphaned) to_go_on_.push_back({message->connection_slot, message->connection_generation});
}

void Core::message_done(Message* message, storage::StoreStatus status, std::string_view text) {
    message->outcome = static_cast<std::uint8_t>(status);
    message->outcome_text = text;
    message->next = nullptr;
    (done_first_ == nullptr ? done_first_ : done_last_->next) = message;
    done_last_ = message;
}

void Core::answer(policy::Ticket ticket, const Decision& decision) {
    answers_.push_back({ticket, decision});
}

void Core::serve_storage() {
    std::size_t taken = 0;
    while (taken < waiting_requests_.size() && host_->submit(waiting_requests_[taken]))
        ++taken;
    waiting_requests_.erase(waiting_requests_.begin(),
                            waiting_requests_.begin() + static_cast<std::ptrdiff_t>(taken));

    while (done_first_ != nullptr) {
        Message* message = done_first_;
        done_first_ = message->next;
        unanswered_.remove(*message);
        Connection* connection =
            message->orphaned ? nullptr : find(message->connection_slot, message->connection_generation);
        if (connection == nullptr || !connection->holds(message)) {
            if (message->outcome == static_cast<std::uint8_t>(storage::StoreStatus::stored)) {
                options_.counters.messages_stored_late.add(1);
                log_stored_late(*this, *message);
            }
            messages_->release(message);
        } else {
            connection->on_stored();
        }
    }
    for (std::size_t i = 0; i < to_go_on_.size(); ++i) {
        if (Connection* connection = find(to_go_on_[i].slot, to_go_on_[i].generation)) connection->go_on();
    }
    to_go_on_.clear();
    for (std::size_t i = 0; i < answers_.size(); ++i) {
        const PolicyAnswer answer = answers_[i];
        if (Connection* connection = find(answer.ticket.slot, answer.ticket.generation)) {
            connection->on_policy_answer(answer.ticket, answer.decision);
        }
    }
    answers_.clear();
}

// --- waiting
// ----------------------------------------------------------------------------------------------------------

// By slot, whose life may be over when its turn comes: a connection that goes on without having waited does
// no harm.
void Core::queue_starved(std::uint32_t slot) {
    if (is_starved_[slot]) return;
    is_starved_[slot] = true;
    starved_.push_back(slot);
}

// Memory has come back, perhaps: those that waited for it go on, oldest first, as long as there is a large
// chunk. `all`: they try in any case, because small pieces or the reserve may do for them.
void Core::serve_starved(bool all) {
    if (starved_.empty() || !(all || slabs_->can_acquire(ChunkClass::large))) return;
    std::vector<std::uint32_t> waiting;
    waiting.swap(starved_);
    std::size_t served = 0;
    for (; served < waiting.size() && (all || slabs_->can_acquire(ChunkClass::large)); ++served) {
        is_starved_[waiting[served]] = false;
        if (Connection* connection = connections_->at(waiting[served])) connection->go_on();
    }
    starved_.insert(starved_.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(served), waiting.end());
}

void Core::serve_timers() {
    timers_->advance(now_.mono_ns, [this](std::uint32_t slot) -> std::int64_t {
        Connection* connection = connections_->at(slot);
        return connection == nullptr ? ring::TimerWheel::kDone : connection->on_timer(now_.mono_ns);
    });
}

}  // namespace ringmx::server
