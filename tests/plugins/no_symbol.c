/* A shared object, and no plugin. */
#include "ringmx/backend.h"

RINGMX_EXPORT int ringmx_something_else(void);
int ringmx_something_else(void) {
    return 0;
}
