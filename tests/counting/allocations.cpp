// Counts the allocations of a program that it is preloaded into (LD_PRELOAD), by thread, in the file that
// RINGMX_ALLOCATION_COUNTS names. tests/e2e/counted.py has the reading side.
//
// The dynamic linker finds a name in the program first, then in what is preloaded, then in the libraries. The
// programs define no allocator, they link to one (mimalloc, or the C library's): so every call from them and
// from any library comes here first, and goes on to the next definition. What an allocator asks the system
// for in its turn (mmap, brk) is not counted here: strace sees that.
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t kThreadsMax = 64;
constexpr std::size_t kCallsMax = 64;
constexpr std::size_t kFramesMax = 14;

struct Thread {
    std::atomic<std::uint64_t> id;  // 0: no thread's yet
    std::atomic<std::uint64_t> allocations;
    std::atomic<std::uint64_t> noted;  // set by the reader: note down who calls
};

struct Call {
    std::atomic<std::uint64_t> thread;
    std::uint64_t octets;
    std::array<void*, kFramesMax> frames;  // the innermost first
};

// The file.
struct Counts {
    std::atomic<std::uint64_t> noted;  // calls that were to be noted down; the first kCallsMax are there
    std::array<Thread, kThreadsMax> threads;
    std::array<Call, kCallsMax> calls;
};

Counts* counts = nullptr;  // null: nothing is counted

// The model of these spares the look-up that allocates.
[[gnu::tls_model("initial-exec")]] thread_local Thread* own = nullptr;
[[gnu::tls_model("initial-exec")]] thread_local bool noting = false;

Thread* own_place(std::uint64_t id) {
    for (Thread& thread : counts->threads) {
        std::uint64_t none = 0;
        if (thread.id.compare_exchange_strong(none, id)) return &thread;
    }
    abort();  // a program with more threads: kThreadsMax is too small
}

void note(std::size_t octets) {
    const std::uint64_t number = counts->noted.fetch_add(1);
    if (noting || number >= kCallsMax) return;
    noting = true;  // unwinding may allocate
    Call& call = counts->calls[number];
    call.octets = octets;
    call.frames.fill(nullptr);
    backtrace(call.frames.data(), static_cast<int>(call.frames.size()));
    call.thread.store(own->id.load());
    noting = false;
}

void count(std::size_t octets) {
    if (counts == nullptr) return;
    if (own == nullptr) own = own_place(static_cast<std::uint64_t>(gettid()));
    own->allocations.fetch_add(1, std::memory_order_relaxed);
    if (own->noted.load(std::memory_order_relaxed) != 0) note(octets);
}

// What is allocated while the next definitions are being looked up: a few hundred octets, never freed.
alignas(std::max_align_t) std::array<std::byte, 16384> early;
std::size_t early_used = 0;

void* allocate_early(std::size_t octets) {
    const std::size_t whole =
        (octets + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
    if (whole > early.size() - early_used) abort();
    void* const memory = early.data() + early_used;
    early_used += whole;
    return memory;
}

bool is_early(const void* memory) {
    return memory >= early.data() && memory < early.data() + early.size();
}

struct Next {
    void* (*malloc)(std::size_t);
    void* (*calloc)(std::size_t, std::size_t);
    void* (*realloc)(void*, std::size_t);
    void* (*aligned_alloc)(std::size_t, std::size_t);
    void* (*memalign)(std::size_t, std::size_t);
    int (*posix_memalign)(void**, std::size_t, std::size_t);
    void (*free)(void*);
};
Next next_definitions{};
enum class Known : std::uint8_t { no, being_looked_up, yes };
Known known = Known::no;  // before there is a second thread

template <typename Function>
void look_up(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
    if (function == nullptr) abort();
}

// Null: they are being looked up.
const Next* next() {
    if (known == Known::yes) return &next_definitions;
    if (known == Known::being_looked_up) return nullptr;
    known = Known::being_looked_up;
    look_up(next_definitions.malloc, "malloc");
    look_up(next_definitions.calloc, "calloc");
    look_up(next_definitions.realloc, "realloc");
    look_up(next_definitions.aligned_alloc, "aligned_alloc");
    look_up(next_definitions.memalign, "memalign");
    look_up(next_definitions.posix_memalign, "posix_memalign");
    look_up(next_definitions.free, "free");
    known = Known::yes;
    return &next_definitions;
}

// When the program begins: what came before is not counted.
[[gnu::constructor]] void begin() {
    next();
    const char* const path = std::getenv("RINGMX_ALLOCATION_COUNTS");
    if (path == nullptr) return;
    std::array<void*, 1> first;
    backtrace(first.data(), 1);  // loads a library, once
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(Counts)) != 0) abort();
    void* const memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) abort();
    close(file);
    counts = static_cast<Counts*>(memory);
}

void* allocate(std::size_t octets) {
    count(octets);
    const Next* const to = next();
    return to == nullptr ? allocate_early(octets) : to->malloc(octets);
}

void* allocate_aligned(std::size_t alignment, std::size_t octets) {
    count(octets);
    const Next* const to = next();
    return to == nullptr ? nullptr : to->memalign(alignment, octets);
}

void* or_throw(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

extern "C" {

void* malloc(std::size_t octets) noexcept {
    return allocate(octets);
}

void* calloc(std::size_t number, std::size_t octets) noexcept {
    count(number * octets);
    const Next* const to = next();
    return to == nullptr ? allocate_early(number * octets) : to->calloc(number, octets);
}

void* realloc(void* memory, std::size_t octets) noexcept {
    if (memory == nullptr) return allocate(octets);
    count(octets);
    const Next* const to = next();
    if (to != nullptr && !is_early(memory)) return to->realloc(memory, octets);
    void* const larger = to == nullptr ? allocate_early(octets) : to->malloc(octets);
    if (larger == nullptr) return nullptr;
    const auto room = static_cast<std::size_t>(early.data() + early.size() - static_cast<std::byte*>(memory));
    std::memcpy(larger, memory, octets < room ? octets : room);
    return larger;
}

void* reallocarray(void* memory, std::size_t number, std::size_t octets) noexcept {
    std::size_t all = 0;
    if (__builtin_mul_overflow(number, octets, &all)) {
        errno = ENOMEM;
        return nullptr;
    }
    return realloc(memory, all);
}

void* aligned_alloc(std::size_t alignment, std::size_t octets) noexcept {
    count(octets);
    const Next* const to = next();
    return to == nullptr ? nullptr : to->aligned_alloc(alignment, octets);
}

void* memalign(std::size_t alignment, std::size_t octets) noexcept {
    return allocate_aligned(alignment, octets);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t octets) noexcept {
    count(octets);
    const Next* const to = next();
    return to == nullptr ? ENOMEM : to->posix_memalign(memory, alignment, octets);
}

void free(void* memory) noexcept {
    if (memory == nullptr || is_early(memory)) return;
    const Next* const to = next();
    if (to != nullptr) to->free(memory);
}

}  // extern "C"

// Memory of these is freed by the next definitions of operator delete, which free what malloc has given.
void* operator new(std::size_t octets) {
    return or_throw(allocate(octets));
}
void* operator new[](std::size_t octets) {
    return or_throw(allocate(octets));
}
void* operator new(std::size_t octets, const std::nothrow_t&) noexcept {
    return allocate(octets);
}
void* operator new[](std::size_t octets, const std::nothrow_t&) noexcept {
    return allocate(octets);
}
void* operator new(std::size_t octets, std::align_val_t alignment) {
    return or_throw(allocate_aligned(static_cast<std::size_t>(alignment), octets));
}
void* operator new[](std::size_t octets, std::align_val_t alignment) {
    return or_throw(allocate_aligned(static_cast<std::size_t>(alignment), octets));
}
void* operator new(std::size_t octets, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate_aligned(static_cast<std::size_t>(alignment), octets);
}
void* operator new[](std::size_t octets, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate_aligned(static_cast<std::size_t>(alignment), octets);
}
