// `ringmxctl spool ack`: marks messages as done, durably.
#include <cstdio>

#include "commands.hpp"

namespace ringmx::ctl {

namespace {

using storage::spool::Cursor;
using storage::spool::SpoolReader;

constexpr std::size_t kBatch = 1000;  // cursors per call: one sync each

// Acknowledges in batches and counts.
class Acknowledger {
 public:
    explicit Acknowledger(SpoolReader& reader) : reader_(reader) {}

    Status add(const Cursor& cursor) {
        batch_.push_back(cursor);
        return batch_.size() < kBatch ? ok_status() : flush();
    }
    Status flush() {
        if (batch_.empty()) return ok_status();
        if (Status done = reader_.ack(batch_); !done) return done;
        count_ += batch_.size();
        batch_.clear();
        return ok_status();
    }
    std::uint64_t count() const { return count_; }

 private:
    SpoolReader& reader_;
    std::vector<Cursor> batch_;
    std::uint64_t count_ = 0;
};

// Everything that there is now, or one shard's messages up to a cursor.
Status ack_range(SpoolReader& reader, Acknowledger& acknowledger, const std::optional<Cursor>& through) {
    for (;;) {
        const auto message = reader.next();
        if (!message) return message.error();
        if (!*message) return ok_status();
        const Cursor& cursor = (*message)->cursor;
        if (through && (cursor.shard != through->shard || cursor > *through)) continue;
        if (Status added = acknowledger.add(cursor); !added) return added;
    }
}

}  // namespace

ExitCode ack(const AckOptions& options) {
    std::optional<Cursor> through;
    if (!options.through.empty()) {
        through = Cursor::parse(options.through);
        if (!through) {
            complain(options.through + " is not a cursor; `ringmxctl spool ls` shows them");
            return ExitCode::usage;
        }
    }
    const bool by_name = !options.names.empty();
    const OpenedSpool spool = open_spool(options.location, {.acknowledged = by_name, .once = true});
    if (!spool.reader) return spool.code;

    Acknowledger acknowledger(*spool.reader);
    ExitCode code = ExitCode::ok;
    Status done = ok_status();
    for (const std::string& name : options.names) {
        const FoundMessage found = find_message(*spool.reader, name);
        if (!found.message) {
            code = found.code;
        } else if (done = acknowledger.add(found.message->cursor); !done) {
            break;
        }
    }
    if (!by_name) done = ack_range(*spool.reader, acknowledger, through);
    if (done.ok()) done = acknowledger.flush();
    if (!done) {
        complain(done.error().message);
        code = ExitCode::failed;
    }
    if (report_corruption(*spool.reader)) code = ExitCode::failed;
    std::printf("%llu messages acknowledged\n", static_cast<unsigned long long>(acknowledger.count()));
    return code;
}

}  // namespace ringmx::ctl
