// A transaction's log line: what the log thread makes of a record. Nanoseconds of one thread, warm caches.
#include <array>
#include <string>

#include <benchmark/benchmark.h>

#include "admin/log_format.hpp"
#include "message/envelope.hpp"

namespace ringmx {
namespace {

void LogLine(benchmark::State& state) {
    std::array<std::byte, 256> envelope;
    std::size_t octets = 0;
    const auto add = [&](EnvelopeField field, std::string_view value) {
        octets += append_envelope_record(std::span(envelope).subspan(octets), field, as_bytes(value));
    };
    add(EnvelopeField::client_name, "mail.example.net");
    add(EnvelopeField::flags, {"\1\0\0\0", 4});
    add(EnvelopeField::reverse_path, "sender@example.net");
    add(EnvelopeField::forward_path, "recipient@example.com");
    admin::TransactionRecord record;
    record.wall_us = 1'795'449'930'000'000;
    record.peer.family = PeerAddress::Family::ipv4;
    record.envelope = Bytes(envelope).first(octets);
    record.recipients = 1;
    record.message_bytes = 1208;
    record.reply = {250, {2, 0, 0}, "stored as 01890a5d-ac96-774b-bcce-b302099a8057"};
    record.end = admin::TransactionEnd::stored;
    record.backend = "spool";
    record.durability = "machine";
    record.receive_us = record.total_us = 661;
    admin::LogFormat format;
    std::string lines;
    for (auto _ : state) {
        if (lines.size() > 256u << 10) lines.clear();
        format.append(lines, record);
        ++record.wall_us;
        benchmark::ClobberMemory();
    }
}
BENCHMARK(LogLine);

}  // namespace
}  // namespace ringmx
