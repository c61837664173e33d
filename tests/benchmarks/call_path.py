"""What a newcomer has to read to follow a job: the files of the package that it runs through, and its deepest
chain of calls.

    python -m tests.benchmarks.call_path            solve_cells(model, "pinn") on the first example
    python -m tests.benchmarks.call_path fourier    another backend

Counted are functions and methods of the package that are called when the job is done a second time, so that
no import counts. Comprehensions, lambdas and generator expressions are lines of the function that holds them,
and no frames; a function that calls itself is one frame.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import sympy as sp

import nhpinn_sym as nh

PACKAGE = Path(nh.__file__).parent


@dataclass
class CallPath:
    """Files by the number of calls into them, and the longest chain (file, function) of own frames."""

    files: Counter[str] = field(default_factory=Counter)
    chain: tuple[str, ...] = ()

    def run(self, job: Callable[[], Any]) -> Any:
        """The value of `job`, which is watched."""
        sys.setprofile(self._watch)
        try:
            return job()
        finally:
            sys.setprofile(None)

    def _watch(self, frame: FrameType, event: str, _: Any) -> None:
        name = own_name(frame)
        if event != "call" or name is None:
            return
        self.files[name.split(":")[0]] += 1
        chain = []
        below: FrameType | None = frame
        while below is not None:
            found = own_name(below)
            if found is not None:
                chain.append(found)
            below = below.f_back
        distinct = dict.fromkeys(reversed(chain))
        if len(distinct) > len(self.chain):
            self.chain = tuple(distinct)


def own_name(frame: FrameType) -> str | None:
    """ "file:function" of a frame of the package, None for others and for comprehensions."""
    code = frame.f_code
    if code.co_name.startswith("<"):
        return None
    path = Path(code.co_filename)
    if path.is_relative_to(PACKAGE):
        return f"{path.relative_to(PACKAGE)}:{code.co_qualname}"
    return None


def main(backend: str = "pinn") -> None:
    """Print the files by folder, and the chain."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    equation = sp.Eq(-s.div(a * s.grad(u)), 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u), order=1)
    nh.solve_cells(model, backend)
    path = CallPath()
    path.run(lambda: nh.solve_cells(model, backend))
    folders = Counter(str(Path(name).parent) for name in path.files)
    print(f"solve_cells(model, {backend!r}): {len(path.files)} files, {len(path.chain)} frames")
    for folder, count in sorted(folders.items()):
        names = [Path(name).name for name in sorted(path.files) if str(Path(name).parent) == folder]
        print(f"  {folder}: {count}: {', '.join(names)}")
    print("deepest chain:", *path.chain, sep="\n  ")


if __name__ == "__main__":
    main(*sys.argv[1:])
