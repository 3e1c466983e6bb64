// Under ThreadSanitizer only: C11 threads, as librdkafka uses them, by way of POSIX threads.
//
// The sanitizer knows pthread_create() and its kin, not thrd_create(): a thread that it does not know crashes
// in the first function that it intercepts. In glibc the types of both are the same, and the functions of
// <threads.h> are these. A program's own functions take precedence over those of the C library.
#include <cerrno>

#include <pthread.h>
#include <threads.h>

namespace {

struct Start {
    thrd_start_t function;
    void* argument;
};

void* run(void* opaque) {
    const Start start = *static_cast<Start*>(opaque);
    delete static_cast<Start*>(opaque);
    return reinterpret_cast<void*>(static_cast<long>(start.function(start.argument)));
}

pthread_mutex_t* of(mtx_t* mutex) {
    static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t));
    return reinterpret_cast<pthread_mutex_t*>(mutex);
}

pthread_cond_t* of(cnd_t* condition) {
    static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t));
    return reinterpret_cast<pthread_cond_t*>(condition);
}

int result(int code) {
    return code == 0 ? thrd_success : thrd_error;
}

}  // namespace

extern "C" {

// The library's own reference counts are atomics that the sanitizer does not see, for it is not instrumented:
// what it allocates, frees, copies and locks itself is not reported. What it calls, our callbacks among it,
// is.
const char* __tsan_default_suppressions() {
    return "called_from_lib:librdkafka.so\n"
           "race:^mtx_\nmutex:^mtx_\nrace:^cnd_\n";
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
    return result(pthread_create(thread, nullptr, run, new Start{function, argument}));
}

int thrd_join(thrd_t thread, int* code) {
    void* value = nullptr;
    const int joined = pthread_join(thread, &value);
    if (code != nullptr) *code = static_cast<int>(reinterpret_cast<long>(value));
    return result(joined);
}

int mtx_init(mtx_t* mutex, int type) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes,
                              (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
    const int code = pthread_mutex_init(of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result(code);
}

int mtx_lock(mtx_t* mutex) {
    return result(pthread_mutex_lock(of(mutex)));
}

int mtx_unlock(mtx_t* mutex) {
    return result(pthread_mutex_unlock(of(mutex)));
}

void mtx_destroy(mtx_t* mutex) {
    pthread_mutex_destroy(of(mutex));
}

int cnd_init(cnd_t* condition) {
    return result(pthread_cond_init(of(condition), nullptr));
}

int cnd_signal(cnd_t* condition) {
    return result(pthread_cond_signal(of(condition)));
}

int cnd_broadcast(cnd_t* condition) {
    return result(pthread_cond_broadcast(of(condition)));
}

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
    return result(pthread_cond_wait(of(condition), of(mutex)));
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* end) {
    const int code = pthread_cond_timedwait(of(condition), of(mutex), end);
    return code == ETIMEDOUT ? thrd_timedout : result(code);
}

void cnd_destroy(cnd_t* condition) {
    pthread_cond_destroy(of(condition));
}

void call_once(once_flag* flag, void (*function)(void)) {
    pthread_once(reinterpret_cast<pthread_once_t*>(flag), function);
}

}  // extern "C"
