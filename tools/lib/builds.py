"""The builds that the stages need, made one after the other behind the tests: most tests wait more than they work.

A build has a low priority, so that it takes what the tests leave; a stage that waits for it leaves everything.
"""

import dataclasses
import shutil
import threading

from process import LOGS, run

BUILD_S_MAX = 2400


@dataclasses.dataclass(frozen=True)
class Target:
    """`programs` of a preset, everything without them; `log` names its log file."""
    preset: str
    programs: tuple = ()

    @property
    def log(self):
        return LOGS / f"{self.preset}-build.log"


def make(target):
    """Configures and builds; whether it worked."""
    # Without its leave, ccache keeps nothing of what is compiled with precompiled headers; and it need not preprocess what
    # the compiler does again.
    env = ({"CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CCACHE_SLOPPINESS": "pch_defines,time_macros", "CCACHE_DEPEND": "1"}
           if shutil.which("ccache") else {})
    if run(["cmake", "--preset", target.preset], target.log, BUILD_S_MAX, env) != 0:
        return False
    chosen = ["--target", *target.programs] if target.programs else []
    return run(["cmake", "--build", "--preset", target.preset, *chosen], target.log, BUILD_S_MAX, env, background=True) == 0


class Builds:
    """Makes `targets` in their order, on a thread of its own."""

    def __init__(self, targets):
        self.targets = list(dict.fromkeys(targets))
        self.made = {target: threading.Event() for target in self.targets}
        self.worked = {}
        threading.Thread(target=self._make_all, daemon=True).start()

    def _make_all(self):
        for target in self.targets:
            try:
                self.worked[target] = make(target)
            finally:
                self.made[target].set()

    def wait(self, target):
        """Until it is made; whether it worked."""
        self.made[target].wait()
        return self.worked.get(target, False)
