"""Becomes another program that dies with its parent; run as a script, never imported.

Arguments: death signal, parent's process id, user id and group id (``-1``: unchanged), command.
A program of its own rather than ``preexec_fn``, which may deadlock in a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop privileges, ask to be signalled when the parent dies, and exec the command."""
    death_signal, parent, uid, gid = map(int, sys.argv[1:5])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it; exec of an ordinary program keeps it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request could take effect
        sys.exit(1)
    os.execvp(sys.argv[5], sys.argv[5:])  # noqa: S606 - the command is the runner's own


main()
