"""Gets what is missing: Debian packages (tools/lib/packages.sh), npm packages below build/, ringmx itself.

What cannot be had is no error here: the servers that need it are left out later, each with a line that says so.
"""

import json
import os
import shutil
import subprocess
import sys

from .common import ROOT
from .peers.scripted import NODE_PACKAGE, NPM_PACKAGES, node

PROGRAMS = ("ringmx", "ringmxctl", "ringmx-load", "ringmx-epoll-twin", "bench_plugin_discard")
DEBIAN = {"postfix": "postfix", "smtp-sink": "postfix", "aiosmtpd": "python3-aiosmtpd", "exim": "util-linux",
          "opensmtpd": "util-linux"}
UNPACKED = {"exim": "exim4-daemon-light", "opensmtpd": "opensmtpd"}
NPM = {"haraka": "Haraka", "smtp-server": "smtp-server"}


def packages(function, *arguments):
    """A function of tools/lib/packages.sh; whether it succeeded."""
    script = f'set -euo pipefail; source tools/lib/packages.sh; {function} "$@"'
    return subprocess.run(["bash", "-c", script, "bash", *map(str, arguments)], cwd=ROOT, stdin=subprocess.DEVNULL,
                          check=False).returncode == 0


def debian_for(names, loads):
    """Debian packages for these servers and loads."""
    return sorted({DEBIAN[name] for name in names if name in DEBIAN} | ({"postfix"} if "single" in loads else set()))


def install(names, loads, downloads):
    if wanted := debian_for(names, loads):
        packages("need_packages", *wanted)
    if os.geteuid() == 0 and (unpacked := [UNPACKED[name] for name in names if name in UNPACKED]):
        packages("unpack_packages", downloads / "debian", *unpacked)
    if wanted := [NPM[name] for name in names if name in NPM]:
        install_npm(wanted, downloads)


def npm_missing(wanted, folder):
    for name in wanted:
        try:
            if json.loads((folder / "node_modules" / name / "package.json").read_text())["version"] == NPM_PACKAGES[name]:
                continue
        except (OSError, ValueError, KeyError):
            pass
        yield f"{name}@{NPM_PACKAGES[name]}"


def install_npm(wanted, downloads):
    folder = downloads / "npm"
    missing = list(npm_missing(wanted, folder))
    if not (shutil.which("npm") and shutil.which("node")):
        packages("need_packages", "nodejs", "npm")
    if node(downloads) is None:
        missing.append(NODE_PACKAGE)
    if not missing or not shutil.which("npm"):
        return
    print("npm packages: " + " ".join(missing), file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    # Their install scripts only compile what they can do without (Haraka's syslog).
    subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error",
                    *missing], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)


def build():
    """The release preset, as far as it is not built yet; whether it is now."""
    if not packages("eval", "need_packages $packages_build"):
        return False
    env = {**os.environ}
    if shutil.which("ccache"):
        env.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", *PROGRAMS]):
        if subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode != 0:
            return False
    return True
