"""A private Postfix: own configuration, own queue, loopback only, relaying everything to one port.

It never looks at /etc/postfix. Its master runs in the foreground as a child of the test and ends with it.
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import free_port

START_S_MAX = 60
STOP_S_MAX = 30

MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{implicit_port} inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
tlsmgr    unix - - n 1000? 1 tlsmgr
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """`certificate`: a PEM file with key and certificate, for STARTTLS, and TLS from the first octet on `implicit_port`."""

    def __init__(self, relay_port, certificate=None):
        self.port = free_port()
        self.implicit_port = free_port()
        # The mail owner must be able to walk to it: not below a home directory.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ringmx-postfix-", dir="/var/tmp"))
        self.config = self.folder / "etc"
        self.log_path = self.folder / "mail.log"
        self.settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.log_path,
            "maillog_file_prefixes": self.folder,
            "myhostname": "relay.client.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "relayhost": f"[127.0.0.1]:{relay_port}",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "smtp_dns_support_level": "disabled",
            "smtp_tls_security_level": "none",
            "local_header_rewrite_clients": "",
            "message_size_limit": "0",
            "mailbox_size_limit": "0",
            "smtp_line_length_limit": "0",  # send long lines as they are
            "default_destination_concurrency_limit": "20",
            "initial_destination_concurrency": "20",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_timeout": "60s",
            "minimal_backoff_time": "5s",
            "maximal_backoff_time": "5s",
            "queue_run_delay": "5s",
        }
        if certificate:
            self.settings |= {"smtpd_tls_chain_files": certificate, "smtpd_tls_security_level": "may",
                              "smtpd_tls_loglevel": "2"}  # tells what was resumed
        self.process = None

    def start(self):
        os.chmod(self.folder, 0o755)
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        (self.config / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in self.settings.items()))
        (self.config / "master.cf").write_text(MASTER_CF.format(port=self.port, implicit_port=self.implicit_port))
        with open(self.folder / "start.log", "wb") as out:
            self.process = subprocess.Popen(["/usr/sbin/postfix", "-c", str(self.config), "start-fg"],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                    if probe.recv(4).startswith(b"220"):
                        return self
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        text = (self.folder / "start.log").read_text(errors="replace") + self.log()
        self.stop()
        raise AssertionError(f"Postfix does not answer:\n{text[-3000:]}")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def master_pid(self):
        try:
            return int((self.folder / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return None

    def stop(self):
        master = self.master_pid()
        if self.process.poll() is None:
            os.kill(master or self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, error_type, error, trace):
        if error_type is not None:
            print(f"--- Postfix log of the failed test\n{self.log()[-3000:]}\n---")
        self.stop()
        return False
