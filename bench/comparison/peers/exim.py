"""Exim that only queues."""

import os
import subprocess

from . import private_root
from .base import Launch, Server, files_below


def config(folder, port, program):
    return f"""exim_path = {program}
primary_hostname = bench.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
# Accept, and keep: a message is complete in the queue, and nobody takes it out.
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
queue_only
split_spool_directory
# No names to look up, no client to be slowed down, no message too large: so with every server here.
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_connect_backlog = 200
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
message_size_limit = 0
tls_advertise_hosts =
keep_environment =

begin acl

accept_all:
  accept
"""


class Exim(Server):
    name = "exim"
    title = "Exim"
    stores = "two files each, synced"
    promise = "wrote a file for the mail and one for its envelope, and synced both and their folder (three fsyncs a message)"
    setup = "`queue_only`, `split_spool_directory`; a process for each connection, as is its way"
    pace = 0.1
    chunking = True
    needs_root = True
    log_files = ("log/mainlog", "log/paniclog")

    @staticmethod
    def program(place):
        return place.downloads / "debian/exim4-daemon-light/usr/sbin/exim4"

    def programs(self, place):
        return (self.program(place),)

    def version(self, place):
        archive = place.downloads / "debian/exim4-daemon-light.deb"
        return "Exim " + subprocess.run(["dpkg-deb", "-f", archive, "Version"], capture_output=True, text=True,
                                        check=False).stdout.strip()

    def launch(self, place):
        folder = place.folder
        [user] = private_root.write_accounts(folder, ["Debian-exim"])
        for name in ("spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, user, user)
        path = folder / "exim.conf"
        path.write_text(config(folder, place.port, self.program(place)))
        path.chmod(0o644)
        return Launch(private_root.command(folder, {}, [self.program(place), "-C", path, "-bdf"]))

    def kept(self, place):
        return files_below(place.folder / "spool/input", "*-H")
