"""Signals as Python has them, where libraries change what they do."""

from __future__ import annotations

import signal
import threading


def ignore_broken_pipes() -> None:
    """Writing to a process that ended is an error again, which can be caught: after PETSc's own
    handler it is an abort of MPI, after gmsh's the silent end of this process."""
    if hasattr(signal, "SIGPIPE") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
