/* Crashes in open(), in the way that its option `how` names: segv, abort, overflow; anything else: opens, and
 * fails. */
#include <stdlib.h>
#include <string.h>

#include "ringmx/backend.h"

static volatile int for_ever = 1;

static unsigned overflow(volatile unsigned char* before) {
    volatile unsigned char block[4096];
    block[0] = before == NULL ? 1 : before[0];
    block[4095] = block[0];
    return for_ever ? overflow(block) + block[4095] : 0u;
}

static int crash_open(const ringmx_host* host, const ringmx_option* options, uint32_t option_count,
                      ringmx_instance* instance, char* error, size_t error_octets) {
    const char* how = option_count > 0 ? options[0].value : "";
    (void)host;
    (void)instance;
    if (strcmp(how, "segv") == 0) {
        volatile int* volatile nowhere =
            (volatile int*)(uintptr_t)4096; /* not NULL: a sanitizer would see that */
        *nowhere = 1;
    }
    if (strcmp(how, "abort") == 0) abort();
    if (strcmp(how, "overflow") == 0) return (int)overflow(NULL);
    strncpy(error, "it did not crash", error_octets - 1);
    return 1;
}

static void crash_submit(void* self, const ringmx_message* const* messages, size_t count) {
    (void)self;
    (void)messages;
    (void)count;
}

RINGMX_EXPORT const ringmx_backend* ringmx_backend_entry(void);
const ringmx_backend* ringmx_backend_entry(void) {
    static const ringmx_backend backend = {.size = sizeof backend,
                                           .abi = RINGMX_BACKEND_ABI,
                                           .name = "crash",
                                           .version = "1",
                                           .open = crash_open,
                                           .submit = crash_submit};
    return &backend;
}
