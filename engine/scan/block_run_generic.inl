// The algorithm of RunBlocks over a type `Block` of the including file:
//   Block::load(const unsigned char*), store(unsigned char*) const: 64 octets, unaligned
//   std::uint64_t equal(unsigned char) const, high_bit() const: bit i is octet i
// Included inside that file's anonymous namespace.

// Takes `octets` of a block of which the masks are known; the whole block has been stored already.
inline void take(BlockRun& run, unsigned octets, std::uint64_t nul, std::uint64_t high) {
    const std::uint64_t taken = octets == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << octets) - 1;
    run.nul += static_cast<std::uint64_t>(__builtin_popcountll(nul & taken));
    run.eight_bit = run.eight_bit || (high & taken) != 0;
    run.in += octets;
    run.out += octets;
}

inline void run_blocks(BlockRun& run) {
    std::uint64_t after_cr = 0;  // bit 0: the octet before the block is a CR that has been written
    std::uint64_t line_start = run.at_line_start ? 1 : 0;
    const std::uint64_t dots_matter = run.dots ? ~std::uint64_t{0} : 0;
    while (run.in_end - run.in >= 64 && run.out_end - run.out >= 64) {
        const Block block = Block::load(run.in);
        block.store(run.out);
        const std::uint64_t cr = block.equal('\r');
        const std::uint64_t lf = block.equal('\n');
        const std::uint64_t nul = block.equal('\0');
        const std::uint64_t high = block.high_bit();
        const std::uint64_t behind_cr = cr << 1 | after_cr;
        const std::uint64_t starts = (lf & behind_cr) << 1 | line_start;
        // LF and CR must come in pairs; a dot must not start a line.
        const std::uint64_t rare = (lf ^ behind_cr) | (block.equal('.') & starts & dots_matter);
        if (__builtin_expect(rare != 0, 0)) {
            const auto at = static_cast<unsigned>(__builtin_ctzll(rare));
            take(run, at, nul, high);
            after_cr = behind_cr >> at & 1;
            line_start = starts >> at & 1;
            break;
        }
        take(run, 64, nul, high);
        after_cr = cr >> 63;
        line_start = (lf & behind_cr) >> 63;
    }
    run.at_line_start = line_start != 0;
    run.ends_in_cr = after_cr != 0;
    if (run.ends_in_cr) --run.out;
}
