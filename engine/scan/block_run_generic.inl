// The algorithm of RunBlocks over a type `Block` of the including file:
//   Block::load(const unsigned char*), store(unsigned char*) const: 64 octets, unaligned
//   std::uint64_t equal(unsigned char) const, high_bit() const: bit i is octet i
//   bool text() const: no NUL and no octet above 127
//   bool plain(const Block& before) const: `before` are the octets one place further in front. No NUL; LF behind
//     every CR and nowhere else; no dot behind LF. May say no where it is yes
//   Block either(const Block&) const: the bits of both
// Included inside that file's anonymous namespace.

constexpr std::size_t kAlignMin = 256;  // fewer octets are not worth aligning the output for

// Blocks without a rare octet before the next are expected to be plain. A line is about one block: where every
// line has something rare, nothing is tried in vain.
constexpr unsigned kCleanBlocksMin = 2;

// What is known at the edge between two octets; bit 0 of each.
struct Carry {
    std::uint64_t after_cr;    // the octet before is a CR, already written
    std::uint64_t line_start;  // the octet before ends a line, or the data begins here
};

// Octets to which one test applies: those in front of the lowest bit.
inline std::uint64_t in_front(unsigned at) {
    return (std::uint64_t{1} << at) - 1;
}

// Octets in front of the next cache line.
inline unsigned octets_to_line(const unsigned char* at) {
    return static_cast<unsigned>(-reinterpret_cast<std::uintptr_t>(at) % 64);
}

// The octets of a block that are rare, `beyond` among them. Moves `carry` to the first of them, or behind the
// block.
inline std::uint64_t find_rare(const Block& block, std::uint64_t dots, std::uint64_t beyond, Carry& carry) {
    const std::uint64_t cr = block.equal('\r');
    const std::uint64_t lf = block.equal('\n');
    const std::uint64_t behind_cr = cr << 1 | carry.after_cr;
    const std::uint64_t ends = lf & behind_cr;
    const std::uint64_t starts = ends << 1 | carry.line_start;
    // LF and CR must come in pairs; a dot must not start a line.
    const std::uint64_t rare = (lf ^ behind_cr) | (block.equal('.') & starts & dots) | beyond;
    if (__builtin_expect(rare != 0, 0)) {
        const auto at = static_cast<unsigned>(__builtin_ctzll(rare));
        carry = {behind_cr >> at & 1, starts >> at & 1};
    } else {
        carry = {cr >> 63, ends >> 63};
    }
    return rare;
}

// Most blocks are text and end at the first test.
inline void count_octets(BlockRun& run, const Block& block, std::uint64_t taken) {
    if (__builtin_expect(block.text(), 1)) return;
    run.nul += static_cast<std::uint64_t>(__builtin_popcountll(block.equal('\0') & taken));
    run.eight_bit = run.eight_bit || (block.high_bit() & taken) != 0;
}

// One run's place. A local of run_blocks: a store of octets may alias the fields of `run`, which would then
// be loaded again for every block.
struct Place {
    const unsigned char* in;
    unsigned char* out;
    Carry carry;
};

// Passes the rare octet at `at.in`, given two octets of input and of room. False: only the octet steps can
// tell what it is (a dot before CR may end the data).
inline bool pass_rare(BlockRun& run, Place& at) {
    if (at.carry.after_cr != 0) {  // behind a bare CR, which has been written; the octet itself comes next
        ++run.bare_cr;
        if (run.normalize) *at.out++ = '\n';
    } else if (*at.in == '\n') {
        ++run.bare_lf;
        if (run.normalize) *at.out++ = '\r';
        *at.out++ = '\n';
        ++at.in;
    } else if (at.in[1] != '\r') {  // a stuffed dot
        ++at.in;
    } else {
        return false;
    }
    at.carry = {0, 0};
    return true;
}

// Takes blocks as long as they are plain, behind one that was taken whole: what its last octet was is all that
// has to be known of it. Returns the blocks left.
inline std::size_t take_plain_blocks(BlockRun& run, Place& at, std::size_t blocks) {
    Block seen = Block::load(at.in - 64);
    for (; blocks > 0; --blocks) {
        __builtin_prefetch(at.in + kPrefetchOctets);
        const Block block = Block::load(at.in);
        if (!__builtin_expect(block.plain(Block::load(at.in - 1)), 1)) break;
        block.store(at.out);
        seen = seen.either(block);
        at.in += 64;
        at.out += 64;
    }
    run.eight_bit = run.eight_bit || seen.high_bit() != 0;
    at.carry = {at.in[-1] == '\r', at.in[-1] == '\n'};  // every LF so far was behind its CR
    return blocks;
}

// Takes whole blocks. True: it stands before a rare octet.
inline bool take_whole_blocks(BlockRun& run, Place& at, std::size_t blocks, std::uint64_t dots) {
    unsigned clean = 0;
    for (; blocks > 0; --blocks) {
        const Block block = Block::load(at.in);
        block.store(at.out);
        const std::uint64_t rare = find_rare(block, dots, 0, at.carry);
        if (__builtin_expect(rare != 0, 0)) {
            const auto octets = static_cast<unsigned>(__builtin_ctzll(rare));
            count_octets(run, block, in_front(octets));
            at.in += octets;
            at.out += octets;
            return true;
        }
        count_octets(run, block, ~std::uint64_t{0});
        at.in += 64;
        at.out += 64;
        if (++clean < kCleanBlocksMin) continue;
        clean = 0;
        blocks = take_plain_blocks(run, at, blocks - 1) + 1;
    }
    return false;
}

// Takes the first `size` octets of a block, fewer than all. True: it stands before a rare octet.
inline bool take_part(BlockRun& run, Place& at, const Block& block, unsigned size, std::uint64_t dots) {
    const std::uint64_t rare = find_rare(block, dots, ~std::uint64_t{0} << size, at.carry);
    const auto octets = static_cast<unsigned>(__builtin_ctzll(rare));
    count_octets(run, block, in_front(octets));
    at.in += octets;
    at.out += octets;
    return octets < size;
}

// Takes what is in front of the next cache line of the output, given a block of input and of room: a store
// that crosses lines costs two. True: it stands before a rare octet.
inline bool take_head(BlockRun& run, Place& at, std::uint64_t dots) {
    const Block block = Block::load(at.in);
    block.store(at.out);
    return take_part(run, at, block, octets_to_line(at.out), dots);
}

// Takes `size` octets, less than a block, without touching memory beyond them. True: it stands before a rare
// octet.
inline bool take_tail(BlockRun& run, Place& at, unsigned size, std::uint64_t dots) {
    unsigned char padded[64] = {};
    __builtin_memcpy(padded, at.in, size);
    unsigned char* const to = at.out;
    const bool rare = take_part(run, at, Block::load(padded), size, dots);
    __builtin_memcpy(to, padded, static_cast<std::size_t>(at.out - to));
    return rare;
}

// Octets for which there is both input and room.
inline std::size_t octets_left(const BlockRun& run, const Place& at) {
    const std::ptrdiff_t in_left = run.in_end - at.in;
    const std::ptrdiff_t out_left = run.out_end - at.out;
    return static_cast<std::size_t>(in_left < out_left ? in_left : out_left);
}

inline void run_blocks(BlockRun& run) {
    const std::uint64_t dots = run.dots ? ~std::uint64_t{0} : 0;
    Place at{run.in, run.out, {0, run.at_line_start ? 1u : 0u}};
    const unsigned char* behind_rare = at.in;
    bool rare = octets_left(run, at) >= kAlignMin && octets_to_line(at.out) > 0 && take_head(run, at, dots);
    for (;;) {
        if (!rare) {
            const std::size_t octets = octets_left(run, at);
            rare = take_whole_blocks(run, at, octets / 64, dots) ||
                   (octets % 64 > 0 && take_tail(run, at, static_cast<unsigned>(octets % 64), dots));
        }
        if (!rare || static_cast<std::size_t>(at.in - behind_rare) < kRunGapMin) break;
        if (run.in_end - at.in < 2 || run.out_end - at.out < 2) break;
        if (!pass_rare(run, at)) break;
        behind_rare = at.in;
        rare = false;
    }
    run.at_line_start = at.carry.line_start != 0;
    run.ends_in_cr = at.carry.after_cr != 0;
    run.in = at.in;
    run.out = run.ends_in_cr ? at.out - 1 : at.out;
}
