#include "in_child.hpp"

#include <cerrno>

#include <sys/wait.h>
#include <unistd.h>

namespace ringmx::confine {

int in_child(const std::function<int()>& work) {
    const pid_t child = fork();
    if (child < 0) return 255;
    if (child == 0) _exit(work());
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace ringmx::confine
