"""A server that delivers to, or falls back from, the test plugin `steered` (tests/plugins/steered.cpp)."""

from harness import new_folder, plugin_path
from observed import ObservedServer


class SteeredServer(ObservedServer):
    """`storage` chooses the arrangement: {"deliver": "plugin"}, or {"backend": "plugin", "fallback": "spool"}."""

    def __init__(self, storage, overrides=None, folder=None, **keywords):
        owns = folder is None
        folder = folder or new_folder("delivery")
        self.control = folder / "control"
        self.kept_folder = folder / "kept"
        self.kept_folder.mkdir(exist_ok=True)
        sections = {
            "smtp": {"message_size": "16MiB"},
            "storage": storage,
            "storage.delivery": {"backoff_least": 1, "backoff_most": 2, "window": "16MiB"},
            "storage.plugin": {"path": plugin_path("steered")},
            "storage.plugin.options": {"folder": str(self.kept_folder), "control": str(self.control)},
            "accept": {"domains": ["example.com", "example.net", "example.org"]},
        }
        for section, keys in (overrides or {}).items():
            sections.setdefault(section, {}).update(keys)
        super().__init__(sections, folder=folder, **keywords)
        self.owns_folder = owns

    def steer(self, *lines):
        """Replaces the plugin's instructions, at once."""
        new = self.control.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in lines))
        new.rename(self.control)

    def kept(self):
        """What the plugin has, in the order in which it came: [(id, recipients, content)]."""
        found = []
        for path in self.kept_folder.iterdir():
            if path.suffix == ".tmp":
                continue
            name, process, number = path.name.split(".")
            recipients, content = path.read_bytes().split(b"\n", 1)
            found.append((path.stat().st_mtime_ns, int(process), int(number), name, recipients.decode().split(), content))
        return [entry[3:] for entry in sorted(found)]
