// Mail data: DATA and BDAT, what is kept and what is drained, and the end of the message. RFC 5321 §4.1.1.4,
// §4.5.2, §6.3; RFC 3030; RFC 1870 §4, §6. Framing, dot stuffing and line ends are the scan's
// (scan/data_scan.hpp).
//
// Size is counted as stored: CR LF line ends, without stuffing and terminator, which is the size of RFC 1870
// §5.
#include <algorithm>
#include <limits>

#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kBodyRoomMin = scan::kRoomMin;  // what the scan needs to make progress
constexpr std::size_t kScratchOctets = 4096;          // of mail data that is drained, on the stack

}  // namespace

// --- BDAT
// ----------------------------------------------------------------------------------------------------------

void Session::handle_bdat(std::string_view argument) {
    BdatCommand command;
    // Without a size nobody knows where the chunk ends and the next command begins.
    if (const Rule* rule = parse_bdat(argument, command)) return violate_and_close(*rule);
    const std::uint64_t before = chunking_ ? data_.octets_in : 0;
    if (command.octets > drain_octets_max() - std::min(before, drain_octets_max())) {
        return violate_and_close(rules::chunk_too_large);
    }
    chunk_octets_ = chunk_left_ = command.octets;
    chunk_last_ = command.last;
    if (const Rule* rule = bdat_refusal()) {
        if (count_error(*rule, true)) swallow_chunk(rule->reply);
    } else if (chunking_) {
        begin_chunk();
    } else if (const Rule* missing = recipients_missing()) {
        handler_.on_violation(missing->name, missing->reply);
        swallow_chunk(missing->reply);
    } else {
        ask(Question::bdat, handler_.on_data(DataKind::bdat));
    }
}

const Rule* Session::bdat_refusal() const {
    if (tls_ == TlsUse::required) return &rules::tls_required;
    switch (greeted_) {
        case Greeted::refused:
            return &rules::session_refused;
        case Greeted::no:
            return &rules::hello_first;
        case Greeted::helo:
            return &rules::bdat_without_ehlo;
        case Greeted::ehlo:
            break;
    }
    return transaction_ ? nullptr : &rules::mail_first;
}

const Rule* Session::recipients_missing() const {
    if (recipients_ > 0) return nullptr;
    return rcpt_seen_ ? &rules::no_valid_recipients : &rules::rcpt_first;
}

void Session::begin_chunk() {
    state_ = State::chunk;
    // Every octet of the chunk is at least one octet of the message.
    const std::uint64_t most = options_->message_octets_max;
    if (most == 0 || data_.octets_in + chunk_octets_ <= most) return;
    handler_.on_violation(rules::message_too_large.name, rules::message_too_large.reply);
    swallow_chunk(rules::message_too_large.reply);
}

// Consumes the rest of the chunk, then replies. The transaction is gone, so that no later chunk can complete
// a message that misses this one; BDAT commands behind it get 503 until the next MAIL.
void Session::swallow_chunk(const Reply& reply) {
    if (transaction_) expect_echo();
    abort_transaction();
    state_ = State::chunk;
    swallow_ = true;
    hold_back(reply);
}

std::size_t Session::take_chunk(Bytes input) {
    const Bytes piece =
        input.first(static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), chunk_left_)));
    if (swallow_) {
        chunk_left_ -= piece.size();
        return piece.size();
    }
    const MutableBytes room = wanted_body_room();
    if (room.empty()) return 0;
    const scan::DataStep done = scan::kernels().copy_chunk(data_, piece, room);
    chunk_left_ -= done.consumed;
    account(room.first(done.produced));
    if (is_oversize()) {
        handler_.on_violation(rules::message_too_large.name, rules::message_too_large.reply);
        swallow_chunk(rules::message_too_large.reply);
    }
    return done.consumed;
}

void Session::end_chunk() {
    if (swallow_) {
        swallow_ = false;
        due_held_ = false;  // settle() writes the reply
        state_ = State::command;
    } else if (chunk_last_) {
        state_ = State::ending;
    } else {
        state_ = State::command;
        reply({}, Due::chunk_octets);
    }
}

// --- the message
// ---------------------------------------------------------------------------------------------------------

void Session::begin_mail_data() {
    data_ = {};
    headers_ = {};
    swallow_ = false;
    const bool normalize = bare_newline_ == BareNewline::normalize && body_ != BodyType::binary_mime;
    data_.line_ends = normalize ? scan::LineEnds::normalize : scan::LineEnds::keep;
}

MutableBytes Session::wanted_body_room() {
    const MutableBytes room = handler_.body_room();
    room_wanted_ = room.size() < kBodyRoomMin;
    if (room_wanted_) return {};
    data_.crc = handler_.body_crc();
    return room;
}

void Session::account(Bytes produced) {
    if (produced.empty()) return;
    headers_.feed(produced);
    handler_.body_written(produced.size(), data_.crc);
}

std::size_t Session::take_data(Bytes input) {
    std::byte scratch[kScratchOctets];
    const MutableBytes room = swallow_ ? MutableBytes(scratch) : wanted_body_room();
    if (room.empty()) return 0;
    const scan::DataStep done = scan::kernels().copy_data(data_, input, room);
    if (!swallow_) account(room.first(done.produced));
    if (data_.octets_out > drain_octets_max()) {
        violate_and_close(rules::message_far_too_large);
    } else {
        if (!swallow_ && is_oversize()) {
            swallow_ = true;
            abort_transaction();
        }
        if (done.end_of_data) state_ = State::ending;
    }
    return done.consumed;
}

// All mail data is here. False: a last CR wants room first.
bool Session::end_mail_data() {
    if (chunking_ && data_.position == scan::Position::after_cr) {
        const MutableBytes room = wanted_body_room();
        if (room.empty()) return false;
        account(room.first(scan::kernels().finish_chunks(data_, room).produced));
    }
    if (const Rule* rule = message_fault()) {
        if (chunking_) expect_echo();
        state_ = State::command;
        swallow_ = false;
        abort_transaction();
        handler_.on_violation(rule->name, rule->reply);
        reply(rule->reply);
        return true;
    }
    const DataFacts facts{data_.octets_out, data_.bare_lf,   data_.bare_cr,
                          data_.nul,        data_.eight_bit, headers_.received_count()};
    ask(Question::end_of_data, handler_.on_end_of_data(facts));
    return true;
}

// Why the message is refused by protocol, the first that applies.
const Rule* Session::message_fault() const {
    if (is_oversize()) return &rules::message_too_large;
    if (bare_newline_ == BareNewline::reject && body_ != BodyType::binary_mime) {
        if (data_.bare_lf + data_.bare_cr > 0) return &rules::bare_newline_in_data;
        if (data_.nul > 0) return &rules::nul_in_data;
    }
    return headers_.received_count() > options_->received_headers_max ? &rules::mail_loop : nullptr;
}

bool Session::is_oversize() const {
    return options_->message_octets_max != 0 && data_.octets_out > options_->message_octets_max;
}

std::uint64_t Session::drain_octets_max() const {
    constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t most = options_->message_octets_max;
    const std::uint64_t factor = std::max<std::uint64_t>(options_->oversize_drain_factor, 1);
    return most == 0 || most > unlimited / factor ? unlimited : most * factor;
}

}  // namespace ringmx::smtp
