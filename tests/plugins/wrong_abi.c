/* Was built for another version of the interface. */
#include "ringmx/backend.h"

RINGMX_EXPORT const ringmx_backend* ringmx_backend_entry(void);
const ringmx_backend* ringmx_backend_entry(void) {
    static const ringmx_backend backend = {
        .size = sizeof backend, .abi = RINGMX_BACKEND_ABI + 41, .name = "wrong_abi", .version = "1"};
    return &backend;
}
