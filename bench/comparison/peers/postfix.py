"""Postfix that receives into its hold queue: what it does for a 250, and nothing of what comes after."""

import os
import pathlib
import pwd
import subprocess

from ..common import NotStarted
from .base import Launch, Server, files_below

POSTFIX = pathlib.Path("/usr/sbin/postfix")

MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


def main_cf(folder):
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "queue",
        "data_directory": folder / "data",
        "maillog_file": folder / "mail.log",
        "maillog_file_prefixes": folder,
        "myhostname": "bench.example.com",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        # No names to look up, no client to be slowed down, no message too large: so with every server here.
        "smtpd_peername_lookup": "no",
        "smtpd_client_connection_count_limit": "0",
        "message_size_limit": "0",
        "mailbox_size_limit": "0",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        # Everything is held; a message is complete in the queue, and nobody takes it out.
        "smtpd_client_restrictions": "check_client_access static:HOLD",
        # The default makes cleanup wait a second when mail comes faster than it is delivered: here, always.
        "in_flow_delay": "0",
    }
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


class Postfix(Server):
    name = "postfix"
    title = "Postfix"
    stores = "a file each, synced"
    promise = "wrote a queue file, and synced it (one fsync a message)"
    setup = ("its own instance; everything is held (`check_client_access static:HOLD`), nothing delivered; "
             "`in_flow_delay = 0`, without which it pauses when mail comes faster than it leaves")
    pace = 0.1
    chunking = True
    needs_root = True
    log_files = ("mail.log",)

    def programs(self, _place):
        return (POSTFIX,)

    def version(self, _place):
        return "Postfix " + subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "postfix"], capture_output=True,
                                           text=True, check=False).stdout

    def launch(self, place):
        folder = place.folder
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                raise NotStarted(f"Postfix's user cannot walk through {parent}: name another folder with --work")
        (folder / "etc/main.cf").write_text(main_cf(folder))
        (folder / "etc/master.cf").write_text(MASTER_CF.format(port=place.port))
        return Launch([POSTFIX, "-c", folder / "etc", "start-fg"])

    def kept(self, place):
        return files_below(place.folder / "queue/hold")
