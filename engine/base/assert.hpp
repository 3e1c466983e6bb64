// RMX_ASSERT states an invariant of our own code. It stays on in release builds: a broken invariant stops the
// process before it can acknowledge what it has not kept. Input from outside is never an assertion.
#pragma once

namespace ringmx {

[[noreturn, gnu::cold]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace ringmx

#define RMX_ASSERT(expression)                                                                        \
    (__builtin_expect(!(expression), 0) ? ::ringmx::assertion_failed(#expression, __FILE__, __LINE__) \
                                        : (void)0)
