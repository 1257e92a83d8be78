"""Makes sure that no process outlives the one that started it, also when that one is killed. Linux alone.

`python -m local.process_end PARENT_PID PROGRAM ...` becomes PROGRAM, which stops when its parent ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def stop_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when the thread that started this process ends.

    Ends at once when the parent is gone already. The wish survives exec, but not a fork.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit("the program that started this one has ended")


if __name__ == "__main__":
    stop_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the arguments are the parent's own
