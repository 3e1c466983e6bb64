// SpoolReader: reads a spool, whether its server runs or not. Blocking; for tools and consumers, not for the
// core loop.
//
// Read-only but for ack(). Shows committed messages only, each in log order within its shard, and hands on no
// byte whose CRC was not checked first. Tolerates segments being recycled while they are read: their messages
// had all been acknowledged, and are simply not shown. One thread.
//
// A consumer's loop:
//     auto reader = SpoolReader::open(path);
//     for (;;) {
//         auto entry = (*reader)->next();                    // an Error here is an I/O error
//         if (!*entry) { sleep a little; continue; }         // nothing new: the same call follows the log
//         (*reader)->read(**entry, Section::content, [&](Bytes bytes) { ...; return true; });
//         (*reader)->ack({&(*entry)->cursor, 1});            // durable when it returns; not shown again
//     }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/message_id.hpp"
#include "base/result.hpp"
#include "storage/spool/cursor.hpp"

namespace ringmx::storage::spool {

class FileSystem;

// A committed message, without its mail data.
struct StoredMessage {
    MessageId id;
    Cursor cursor;
    std::uint32_t trace_bytes = 0;    // Received: headers in front of the mail data
    std::uint64_t body_bytes = 0;     // mail data
    std::uint32_t parts = 1;          // frames that it consists of
    bool acknowledged = false;        // by a consumer
    std::vector<std::byte> envelope;  // message/envelope.hpp reads it
};

enum class Section : std::uint8_t {
    content,  // trace headers and mail data: what a next hop or a mailbox gets
    body,     // mail data only, exactly as the client sent it (after the bare_newline rule)
    whole,    // envelope, trace headers and mail data: the bytes as stored
};

// What is wrong at a place in the log.
struct Problem {
    enum class Kind : std::uint8_t {
        torn_end,   // the log of a segment ends in a write that was never acknowledged: normal after a crash
        corruption  // acknowledged data is damaged or missing: a message may be lost
    };
    Kind kind = Kind::torn_end;
    Cursor place;  // where the first frame that does not belong should have been
    std::uint32_t bytes =
        0;             // up to the next readable frame or the end of what had been acknowledged; 0: unknown
    std::string text;  // one sentence
};
std::string_view to_string(Problem::Kind kind);

struct VerifyReport {
    std::uint64_t shards = 0;
    std::uint64_t segments = 0;      // with data in them
    std::uint64_t frames = 0;        // whose header and payload are good
    std::uint64_t messages = 0;      // committed and whole
    std::uint64_t acknowledged = 0;  // of these
    std::uint64_t bytes = 0;         // envelope, trace headers and mail data of `messages`
    std::uint64_t torn_ends = 0;
    std::uint64_t corruptions = 0;
    std::vector<Problem> problems;  // the first kProblemsMax of both kinds
    static constexpr std::size_t kProblemsMax = 1000;

    bool clean() const { return corruptions == 0; }
};

struct ReadOptions {
    bool acknowledged = false;  // next() and find() show messages that consumers have acknowledged, too
    // For readers that stop at the first nothing: next() has shown by then whatever was stored when it was
    // first called. Otherwise next() waits at the end of a segment, also when there are later ones, until it
    // is certain that nothing can be stored in it any more. For that the server writes the segment's footer,
    // a while after the last answer about it. A reader that does not wait may pass over what is stored later.
    bool once = false;
};

class SpoolReader {
 public:
    // `path` is the spool's directory. An Error if it is not a spool of a version that we know.
    static Result<std::unique_ptr<SpoolReader>> open(const std::string& path, ReadOptions options = {});
    static Result<std::unique_ptr<SpoolReader>> open(FileSystem& files, const std::string& path,
                                                     ReadOptions options);
    ~SpoolReader();
    SpoolReader(const SpoolReader&) = delete;
    SpoolReader& operator=(const SpoolReader&) = delete;

    // The shards that exist now, ascending.
    Result<std::vector<std::uint32_t>> shards();

    // The next committed message that was not shown yet: the shards in turn, each to its end in log order.
    // Nothing: none now; call again later to follow the log (ReadOptions::once: there is no later). Damaged
    // places are passed over and kept for problems().
    Result<std::optional<StoredMessage>> next();
    // The same of one shard alone. A shard that is not there has nothing.
    Result<std::optional<StoredMessage>> next_of(std::uint32_t shard);
    // From now on next() shows what stands behind the cursor in its shard. Other shards stay where they are.
    void seek_behind(const Cursor& cursor);
    // From now on next() shows only what is stored later, in every shard.
    Status seek_end();
    // Begins again at the oldest message of every shard.
    void rewind();

    // The message with this id, or the message at this place. Nothing: not there (any more). find() searches
    // the whole spool, headers only, and leaves the position of next() alone.
    Result<std::optional<StoredMessage>> find(const MessageId& id);
    Result<std::optional<StoredMessage>> at(const Cursor& cursor);

    // Passes the section of a message to `take` in order, in pieces of at most 64 KiB, each checked before.
    // Stops when `take` returns false. An Error if a frame is damaged or gone (recycled): then what was
    // passed is incomplete.
    using Take = std::function<bool(Bytes)>;
    Status read(const StoredMessage& message, Section section, const Take& take);

    // Marks messages as done: durable when it returns. They are not shown again, and segments in which
    // nothing else is left are recycled by the server. Takes the shard's consumer lock (one acknowledging
    // reader per shard) at its first call and keeps it. A message that is acknowledged or recycled already is
    // no error.
    Status ack(std::span<const Cursor> cursors);

    // Takes every shard's consumer lock now. False: somebody else has one of them; ack() will say so, too.
    Result<bool> claim();

    // Damaged places that next() has met so far, in the order of meeting; at most VerifyReport::kProblemsMax.
    std::span<const Problem> problems() const;

    // Reads everything and checks every CRC. On a running server, what is still being written does not count.
    Result<VerifyReport> verify();

 private:
    struct State;
    explicit SpoolReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ringmx::storage::spool
