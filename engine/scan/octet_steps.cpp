#include "scan/octet_steps.hpp"

namespace ringmx::scan {

namespace {

// Writes what has been decided; the caller has made sure of the room.
class Writer {
 public:
    Writer(DataState& state, MutableBytes out) : state_(state), out_(out) {}
    std::size_t room() const { return out_.size() - produced_; }
    std::size_t produced() const { return produced_; }
    void put(char c) { out_[produced_++] = static_cast<std::byte>(c); }
    void bare(std::uint64_t& count, char c) {
        ++count;
        if (state_.line_ends == LineEnds::keep) return put(c);
        put('\r');
        put('\n');
    }

 private:
    DataState& state_;
    MutableBytes out_;
    std::size_t produced_ = 0;
};

// An octet that does not follow a pending CR and is not a dot at the start of a line.
inline void take_plain(DataState& state, Writer& writer, char c) {
    state.position = Position::in_line;
    if (c == '\r') {
        state.position = Position::after_cr;
        return;
    }
    if (c == '\n') return writer.bare(state.bare_lf, c);
    if (c == '\0') ++state.nul;
    if (static_cast<unsigned char>(c) > 127) state.eight_bit = true;
    writer.put(c);
}

// The most that octet `c` may write at this position.
inline std::size_t room_needed(const DataState& state, char c) {
    const std::size_t line_end = state.line_ends == LineEnds::normalize ? 2 : 1;
    switch (state.position) {
        case Position::after_cr:
            return c == '\n' ? 2 : line_end + (c == '\r' ? 0 : 1);
        case Position::after_dot_cr:
            return c == '\n' ? 0 : line_end + (c == '\r' ? 0 : 1);
        default:
            return c == '\r' ? 0 : (c == '\n' ? line_end : 1);
    }
}

}  // namespace

DataStep step_octets(DataState& shared, Bytes in, MutableBytes out, bool dots) {
    DataState state = shared;  // a local, which no store into `out` can alias
    Writer writer(state, out);
    DataStep step;
    while (step.consumed < in.size() && !step.end_of_data) {
        const char c = std::to_integer<char>(in[step.consumed]);
        if (writer.room() < room_needed(state, c)) break;
        ++step.consumed;
        switch (state.position) {
            case Position::line_start:
                if (dots && c == '.') {
                    state.position = Position::after_dot;
                } else {
                    take_plain(state, writer, c);
                }
                break;
            case Position::in_line:
                take_plain(state, writer, c);
                break;
            case Position::after_cr:
                if (c == '\n') {
                    writer.put('\r');
                    writer.put('\n');
                    state.position = Position::line_start;
                } else {
                    writer.bare(state.bare_cr, '\r');
                    take_plain(state, writer, c);
                }
                break;
            case Position::after_dot:
                if (c == '\r') {
                    state.position = Position::after_dot_cr;
                } else {
                    take_plain(state, writer, c);
                }
                break;
            case Position::after_dot_cr:
                if (c == '\n') {
                    state.position = Position::line_start;
                    step.end_of_data = true;
                } else {
                    writer.bare(state.bare_cr, '\r');
                    take_plain(state, writer, c);
                }
                break;
        }
    }
    step.produced = writer.produced();
    shared = state;
    return step;
}

DataStep finish_octets(DataState& state, MutableBytes out) {
    DataStep step;
    if (state.position != Position::after_cr) return step;
    Writer writer(state, out);
    writer.bare(state.bare_cr, '\r');
    state.position = Position::in_line;
    step.produced = writer.produced();
    return step;
}

}  // namespace ringmx::scan
