/* Cannot be opened: says why if it has the option `why`, and nothing otherwise. */
#include <string.h>

#include "ringmx/backend.h"

static int failing_open(const ringmx_host* host, const ringmx_option* options, uint32_t option_count,
                        ringmx_instance* instance, char* error, size_t error_octets) {
    (void)host;
    (void)instance;
    if (option_count > 0) strncpy(error, options[0].value, error_octets - 1);
    return -1;
}

static void failing_submit(void* self, const ringmx_message* const* messages, size_t count) {
    (void)self;
    (void)messages;
    (void)count;
}

RINGMX_EXPORT const ringmx_backend* ringmx_backend_entry(void);
const ringmx_backend* ringmx_backend_entry(void) {
    static const ringmx_backend backend = {.size = sizeof backend,
                                           .abi = RINGMX_BACKEND_ABI,
                                           .name = "failing",
                                           .version = "1",
                                           .open = failing_open,
                                           .submit = failing_submit};
    return &backend;
}
