"""A broken pipe is an error that can be caught, whatever libraries are loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WRITE = """
import nhpinn_sym.runtime.fitted.gmsh_mesher as mesher
import nhpinn_sym.runtime.fem_dolfinx.compat
with mesher._model():
    pass
import subprocess
ended = subprocess.Popen([{program!r}, "-c", ""], stdin=subprocess.PIPE)
ended.wait()
try:
    ended.stdin.write(b"x" * 10)
    ended.stdin.flush()
except BrokenPipeError:
    print("caught")
ended.stdin = None
"""


def test_a_broken_pipe_does_not_end_this_process() -> None:
    pytest.importorskip("gmsh")
    code = _WRITE.format(program=sys.executable)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "caught\n"), done.stderr
