"""A Dovecot LMTP server of our own: its configuration, sockets and mail in a folder that goes with it."""

import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tempfile
import time

from backend_driver import kill_with_descendants
from harness import free_port, new_folder

DOVECOT = "/usr/sbin/dovecot"

CONFIG = """
protocols = lmtp
base_dir = {base}/run
state_dir = {base}/state
log_path = {folder}/dovecot.log
ssl = no
mail_location = maildir:{mail}/%n
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
mail_save_crlf = yes
mail_fsync = {fsync}
default_process_limit = 50
default_vsz_limit = 1G
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
protocol lmtp {{
  auth_username_format = %n
  postmaster_address = postmaster@example.com
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
  unix_listener {base}/lmtp.sock {{
    mode = 0600
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
{extra}
"""


def open_to_all(folder):
    """Whether every user may pass through to `folder`."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


class Dovecot:
    """Mail for `user`, `other` and `third`, whatever the domain; every other user is unknown (550)."""

    USERS = ("user", "other", "third")

    def __init__(self, fsync="always", extra=""):
        self.folder = new_folder("dovecot")
        self.folder.chmod(0o755)
        # Sockets have short names, and the mail user has to get at its mail: neither is sure below a checkout.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="rmx-"))
        self.base.chmod(0o755)
        self.mail = (self.folder if open_to_all(self.folder) else self.base) / "mail"
        self.mail.mkdir()
        shutil.chown(self.mail, "nobody", "nogroup")
        self.port = free_port()
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(CONFIG.format(base=self.base, folder=self.folder, mail=self.mail, port=self.port,
                                             fsync=fsync, extra=extra))
        self.users = []
        self.process = None
        for user in self.USERS:
            self.add_user(user)

    def add_user(self, user):
        """From now on there is mail for this user too."""
        self.users.append(user)
        new = self.folder / "users.new"
        new.write_text("".join(f"{user}:{{PLAIN}}none::::::\n" for user in self.users))
        new.chmod(0o644)
        new.rename(self.folder / "users")
        if self.process:
            self.wait_for_user(user)

    def wait_for_user(self, user):
        """Dovecot looks at the file at most once a second."""
        deadline = time.monotonic() + 60
        while subprocess.run(["doveadm", "-c", str(self.config), "user", user], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"Dovecot does not know {user}:\n{self.log()}")
            time.sleep(0.1)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def socket_path(self):
        return str(self.base / "lmtp.sock")

    def start(self):
        shutil.rmtree(self.base / "run", ignore_errors=True)
        for lock in (*self.mail.rglob("*.lock"), *self.mail.rglob("*.newlock")):
            lock.unlink()  # of processes that were killed: Dovecot would wait two or three minutes for each
        with open(self.folder / "dovecot.out", "ab") as out:
            self.process = subprocess.Popen([DOVECOT, "-F", "-c", str(self.config)], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out)
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 30) as probe:
                    if probe.recv(3) == b"220":
                        return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Dovecot does not start:\n{self.log()}")
            time.sleep(0.05)

    def kill(self):
        """SIGKILL to all of it."""
        if self.process and self.process.poll() is None:
            kill_with_descendants(self.process)

    def log(self):
        return "".join((self.folder / name).read_text(errors="replace") if (self.folder / name).exists() else ""
                       for name in ("dovecot.out", "dovecot.log"))

    def delivered(self, user="user"):
        """Every message of the user, whole."""
        folder = self.mail / user / "new"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        return False


def installed():
    return os.path.exists(DOVECOT)
