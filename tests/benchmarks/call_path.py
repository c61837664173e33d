"""What a newcomer has to read to follow a job: the files of the package that it runs through, and
its deepest chain of calls. Counted are the whole package, the rooms that solve (`solve` and
`runtime`: what stands before them derives, lowers and emits), and the room of the backend alone.

    python -m tests.benchmarks.call_path            solve_cells(model, "pinn") on the first example
    python -m tests.benchmarks.call_path fourier    another backend
    python -m tests.benchmarks.call_path validate   validate(problem, eps=1/2) with scikit-fem

Counted are functions and methods of the package that are called when the job is done a second time,
so that no import counts. Comprehensions, lambdas and generator expressions are lines of the
function that holds them, and no frames; a function that calls itself is one frame.
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
SOLVING = ("solve", "runtime")
ROOMS = {"pinn": "solve/pinn", "fourier": "solve/fourier", "skfem": "solve/fem"}


@dataclass
class CallPath:
    """Files of some folders by the number of calls into them, and the longest chain of own frames,
    "file:function" each.
    """

    rooms: tuple[str, ...] = ("",)
    files: Counter[str] = field(default_factory=Counter)
    chain: tuple[str, ...] = ()

    def add(self, stack: list[str]) -> None:
        """A call, as the names of the frames of the package, the first one outermost."""
        own = [name for name in stack if name.startswith(self.rooms)]
        if stack[-1].startswith(self.rooms):
            self.files[stack[-1].split(":")[0]] += 1
        distinct = tuple(dict.fromkeys(own))
        if len(distinct) > len(self.chain):
            self.chain = distinct

    def show(self) -> None:
        """Print files by folder, and the chain."""
        print(
            f"{' and '.join(self.rooms) or 'package'}: {len(self.files)} files, {len(self.chain)} frames"
        )
        folders = Counter(str(Path(name).parent) for name in self.files)
        for folder, count in sorted(folders.items()):
            names = [Path(name).name for name in sorted(self.files)]
            here = [
                n for n, file in zip(names, sorted(self.files)) if str(Path(file).parent) == folder
            ]
            print(f"  {folder}: {count}: {', '.join(here)}")
        print("  deepest chain:", *self.chain, sep="\n    ")


def watch(job: Callable[[], Any], *paths: CallPath) -> None:
    """Do a job, all calls of which are added to the paths."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or own_name(frame) is None:
            return
        stack = []
        below: FrameType | None = frame
        while below is not None:
            name = own_name(below)
            if name is not None:
                stack.append(name)
            below = below.f_back
        for path in paths:
            path.add(stack[::-1])

    sys.setprofile(profile)
    try:
        job()
    finally:
        sys.setprofile(None)


def own_name(frame: FrameType) -> str | None:
    """ "file:function" of a frame of the package, None for others and for comprehensions."""
    code = frame.f_code
    if code.co_name.startswith("<"):
        return None
    path = Path(code.co_filename)
    if path.is_relative_to(PACKAGE):
        return f"{path.relative_to(PACKAGE)}:{code.co_qualname}"
    return None


def cells_of_the_first_example(backend: str) -> Callable[[], Any]:
    """Its cell problems on one backend."""
    s = nh.Scales(2)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) * sp.cos(2 * sp.pi * s.y[1])
    equation = sp.Eq(-s.div(a * s.grad(u)), 1)
    model = nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u), order=1)
    return lambda: nh.solve_cells(model, backend)


def validation() -> Any:
    """PINN against scikit-fem on an interval."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 1 / (2 + sp.cos(2 * sp.pi * s.y[0]))
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )
    return nh.validate(problem, eps=sp.Rational(1, 2), fem="skfem")


def main(name: str = "pinn") -> None:
    """The counts of one job."""
    rooms = [("",), SOLVING]
    if name == "validate":
        job: Callable[[], Any] = validation
        rooms.append(("validate",))
    else:
        job = cells_of_the_first_example(name)
        rooms.append((ROOMS[name],))
    job()
    paths = [CallPath(room) for room in rooms]
    watch(job, *paths)
    print(name)
    for path in paths:
        path.show()


if __name__ == "__main__":
    main(*sys.argv[1:])
