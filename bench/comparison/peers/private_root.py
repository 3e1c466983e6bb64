"""Programs that expect their own users and folders in the system get them in a mount namespace of their own.

Debian lets one mail server be installed at a time. The others are unpacked, not installed (tools/lib/packages.sh), and
what they are compiled to expect is mounted for them alone: accounts in /etc/passwd and /etc/group, folders below /var
and /run. Nothing of it is seen outside, or stays. It needs root.
"""

import pathlib
import shlex

ACCOUNT_ID_FIRST = 64100   # Debian Policy §9.2.2: below 65000 and of no package's, above those of users


def with_accounts(text, names, line):
    """A passwd or group file with these accounts in it and no others of their names."""
    kept = [each for each in text.splitlines() if each.split(":")[0] not in names]
    return "\n".join([*kept, *(line.format(name=name, id=ACCOUNT_ID_FIRST + number)
                               for number, name in enumerate(names))]) + "\n"


def write_accounts(folder, names, etc=pathlib.Path("/etc")):
    """Files to mount, and the ids of the accounts in the order of their names."""
    passwd = with_accounts((etc / "passwd").read_text(), names, "{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin")
    group = with_accounts((etc / "group").read_text(), names, "{name}:x:{id}:")
    (folder / "passwd").write_text(passwd)
    (folder / "group").write_text(group)
    return [ACCOUNT_ID_FIRST + number for number in range(len(names))]


def command(folder, mounts, program):
    """Runs `program` with `mounts` ({what: over what}) and the accounts in `folder` in place."""
    mounts = {folder / "passwd": "/etc/passwd", folder / "group": "/etc/group", **mounts}
    steps = [shlex.join(["mount", "--bind", str(what), str(where)]) for what, where in mounts.items()]
    steps.append("exec " + shlex.join(map(str, program)))
    return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", " && ".join(steps)]
