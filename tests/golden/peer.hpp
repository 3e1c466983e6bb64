// The host of a session in tests: a Handler that keeps everything, and a driver that feeds a client's octets
// in pieces of any size, answers decisions now or later, and gives room freely or hardly any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "script.hpp"
#include "smtp/session.hpp"

namespace ringmx::golden {

struct Manner {
    bool later = false;   // every decision is first answered "later"
    bool stingy = false;  // every other request for room gives nothing, the others little
};

// What came of a dialogue; equal for every split and manner.
struct Outcome {
    std::string replies;
    std::string stored;
    std::vector<std::string> events;
    std::vector<std::string> violations;
    std::string end;
    bool operator==(const Outcome&) const = default;
};

class Peer final : public smtp::Handler {
 public:
    Peer(const Script& script, Manner manner);

    void start();
    void receive(std::string_view octets);  // with what was not consumed before, in one piece
    void control(Control control);
    Outcome outcome() const;

    MutableBytes reply_room(std::size_t octets) override;
    void reply_written(std::size_t octets) override;
    MutableBytes body_room() override;
    std::uint32_t body_crc() override;
    void body_written(std::size_t octets, std::uint32_t crc) override;
    Decision on_connect() override;
    Decision on_hello(const smtp::Hello& hello) override;
    Decision on_starttls() override;
    Decision on_xclient(const smtp::XclientCommand& command) override;
    Decision on_mail(const smtp::MailCommand& command) override;
    Decision on_rcpt(const smtp::RcptCommand& command) override;
    Decision on_data(smtp::DataKind kind) override;
    Decision on_end_of_data(const smtp::DataFacts& facts) override;
    void on_abort() override;
    void on_violation(std::string_view rule, const Reply& reply) override;

 private:
    void pump();
    Decision decide(std::string_view where, std::string_view what);
    void apply(std::string_view where, const Decision& decision);
    std::size_t stingy_octets();

    const Script& script_;
    Manner manner_;
    smtp::Session session_;
    Outcome outcome_;
    std::string pending_;  // client's octets not consumed
    std::string reply_buffer_;
    std::string body_buffer_;
    std::string body_;
    std::uint32_t crc_ = 0;
    bool open_ = false;  // a MAIL was accepted and not ended
    bool refuse_reply_room_ = false;
    bool refuse_body_room_ = false;
    std::uint32_t turns_ = 0;
    std::string asked_;  // the decision point that is waited for
    std::string asked_what_;
    std::string client_ = "*";  // what XCLIENT has told of its address
};

// Runs a script with its octets cut at `cuts` (ascending offsets).
Outcome run(const Script& script, Manner manner, const std::vector<std::size_t>& cuts);

// What the script asks for.
Outcome expected(const Script& script, const Outcome& actual);

}  // namespace ringmx::golden
