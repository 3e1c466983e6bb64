// A core's memory for messages: acquire and release of chunks. Nanoseconds of one thread, warm caches.
#include <array>

#include <benchmark/benchmark.h>

#include "message/slab_pool.hpp"

namespace ringmx {
namespace {

constexpr std::size_t kPoolBytes = 64u << 20;

void SlabAcquireRelease(benchmark::State& state) {
    SlabPool pool(kPoolBytes);
    const auto size = static_cast<ChunkClass>(state.range(0));
    for (auto _ : state) {
        Chunk* const chunk = pool.acquire(size);
        benchmark::DoNotOptimize(chunk);
        pool.release(chunk);
    }
}
BENCHMARK(SlabAcquireRelease)->Arg(0)->Arg(1)->Arg(2);

// As many chunks out at once as a busy core holds, so that pieces split and join.
void SlabAcquireReleaseMany(benchmark::State& state) {
    SlabPool pool(kPoolBytes);
    std::array<Chunk*, 1024> chunks{};
    for (auto _ : state) {
        for (Chunk*& chunk : chunks)
            chunk = pool.acquire(ChunkClass::small);
        for (Chunk* const chunk : chunks)
            pool.release(chunk);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(chunks.size()));
}
BENCHMARK(SlabAcquireReleaseMany);

}  // namespace
}  // namespace ringmx
