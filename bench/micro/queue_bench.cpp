// The hand-off queue between a core and a storage worker: requests through it, in batches.
//   QueueSameThread/N  push N, publish, pop N: what it costs where no line of the cache has to move
//   QueueTwoThreads/N  a producer and a consumer that never sleep, N requests a batch: wall-clock time for
//   each
//                      request. Needs a processor for each thread; otherwise it measures the scheduler
#include <array>
#include <atomic>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/limits.hpp"
#include "storage/backend.hpp"
#include "storage/spsc_queue.hpp"

namespace ringmx::storage {
namespace {

constexpr std::size_t kBatchMax = 64;
using Queue = SpscQueue<StoreRequest>;

void QueueSameThread(benchmark::State& state) {
    Queue queue(limits::store_queue_entries);
    std::array<StoreRequest, kBatchMax> in{};
    std::array<StoreRequest, kBatchMax> out{};
    const auto batch = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        queue.push(std::span(in).first(batch));
        queue.publish();
        benchmark::DoNotOptimize(queue.pop(std::span(out).first(batch)));
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}
BENCHMARK(QueueSameThread)->Arg(1)->Arg(16)->Arg(64);

void QueueTwoThreads(benchmark::State& state) {
    Queue queue(limits::store_queue_entries);
    std::array<StoreRequest, kBatchMax> in{};
    const auto batch = static_cast<std::size_t>(state.range(0));
    std::atomic<bool> stop{false};
    std::uint64_t taken = 0;
    std::thread consumer([&] {
        std::array<StoreRequest, kBatchMax> out{};
        for (;;) {
            const bool last = stop.load(std::memory_order_acquire);  // before pop: nothing comes after it
            const std::size_t count = queue.pop(out);
            taken += count;
            if (last && count == 0) break;
        }
    });
    for (auto _ : state) {
        for (std::size_t pushed = 0; pushed < batch;) {
            pushed += queue.push(std::span(in).subspan(pushed, batch - pushed));
            queue.publish();
        }
    }
    stop.store(true, std::memory_order_release);
    consumer.join();
    if (taken != static_cast<std::uint64_t>(state.iterations()) * batch)
        state.SkipWithError("requests were lost");
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}
BENCHMARK(QueueTwoThreads)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace ringmx::storage
