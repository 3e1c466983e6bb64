"""ringmx-load, to an end or in the background."""

import json
import os
import subprocess

from comparison.common import RECIPIENT, SENDER, Failed


def command(place, *options, figures=None, mode="pipelined"):
    words = [place.bin / "ringmx-load", f"127.0.0.1:{place.port}", "--mode", mode, "--threads", 1, "--from", SENDER,
             "--to", RECIPIENT, "--quiet", *options]
    return [str(word) for word in (words + ["--json", figures] if figures else words)]


def send(place, cpu, *options, mode="pipelined", wanted=None):
    """The figures of a run that must not lose a message; with `wanted`, so many must be acknowledged."""
    path = place.folder / "figures.json"
    done = subprocess.run(command(place, *options, figures=path, mode=mode), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpu))
    if done.returncode != 0:
        raise Failed(f"ringmx-load ended with {done.returncode}:\n{done.stdout.decode(errors='replace')[-1500:]}")
    figures = json.loads(path.read_text())
    if wanted is not None and figures["messages"]["acknowledged"] != wanted:
        raise Failed(f"only {figures['messages']['acknowledged']} of {wanted} messages were acknowledged")
    return figures


class Background:
    """A generator beside another one. It ends with the block."""

    def __init__(self, place, cpu, *options, mode="pipelined", figures=None):
        self.process = subprocess.Popen(command(place, *options, mode=mode, figures=figures), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cpu))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
