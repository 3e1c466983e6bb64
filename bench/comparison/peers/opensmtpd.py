"""OpenSMTPD with its deliveries paused."""

import subprocess

from . import private_root
from .base import Launch, Server, files_below


def config(port):
    return f"""# No session too long, no message too large: so with every server here.
smtp limit max-mails 1000000
smtp max-message-size 50M
listen on 127.0.0.1 port {port} hostname bench.example.com
action keep relay
match from any for any action keep
"""


class OpenSmtpd(Server):
    name = "opensmtpd"
    title = "OpenSMTPD"
    stores = "two files each, not synced"
    promise = "wrote a file for the mail and one for its envelope, and synced nothing: both survive its end, not a power cut"
    setup = ("deliveries paused (`-P mda -P mta`); on 5 connections: its listen queue is so long, and of more that are "
             "opened at once some are lost")
    sessions_max = 5
    pace = 0.2
    needs_root = True

    @staticmethod
    def program(place):
        return place.downloads / "debian/opensmtpd/usr/sbin/smtpd"

    def programs(self, place):
        return (self.program(place),)

    def version(self, place):
        archive = place.downloads / "debian/opensmtpd.deb"
        return "OpenSMTPD " + subprocess.run(["dpkg-deb", "-f", archive, "Version"], capture_output=True, text=True,
                                             check=False).stdout.strip()

    def launch(self, place):
        folder = place.folder
        private_root.write_accounts(folder, ["opensmtpd", "opensmtpq"])
        for name in ("spool", "run", "lib/opensmtpd/empty"):
            (folder / name).mkdir(parents=True)
        path = folder / "smtpd.conf"
        path.write_text(config(place.port))
        path.chmod(0o644)
        mounts = {folder / "spool": "/var/spool", folder / "lib": "/var/lib", folder / "run": "/run"}
        program = [self.program(place), "-d", "-f", path, "-P", "mda", "-P", "mta"]
        return Launch(private_root.command(folder, mounts, program))

    def kept(self, place):
        return files_below(place.folder / "spool/smtpd/queue", "message")
