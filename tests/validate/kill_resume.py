"""validate, killed by SIGKILL at random moments until it is done, against a run that nobody
disturbs.

    python -m tests.validate.kill_resume [kills] [fem]     (default: 50 skfem)

Runs are forks of this process, which has imported the package and computed nothing; each round has
its own cache of compiled forms.

A round begins in an empty folder: run, kill at a random moment, run again in the same folder, ...
until a run is let end. Rounds go on until as many kills have hit a process at work as were asked
for. Every results.json has to equal the undisturbed one, but for seconds and for what was taken
from an earlier run; nothing half-written may be left. Prints a line for each round and the figures;
the exit code is 0 where all are equal.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy as sp

import nhpinn_sym as nh
import nhpinn_sym.solve.fem.skfem
import nhpinn_sym.solve.fourier.cells
import nhpinn_sym.solve.pinn.cells.smooth
import nhpinn_sym.solve.pinn.equations.strong
import nhpinn_sym.validate.plots
import nhpinn_sym.validate.validate

_SEED = 9
_LONGEST_ROUND = 6
"""Kills in one round at most: then the run is let end."""
_DEADLINE = 600
_DISTURBED = {"seconds", "resumed"}


def problem(source: int = 1) -> nh.MultiscaleProblem:
    """Small, but with every part of a validation: an interval, two periods."""
    s = nh.Scales(1)
    u = s.unknown("u")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), source),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        name="killed",
    )


def run(folder: Path, fem: str) -> None:
    """One validation; what the processes do."""
    nh.validate(problem(), eps=sp.Rational(1, 2), out=folder, fem=fem)


class Run:
    """A process of its own process group, so that compilers that it has started die with it."""

    def __init__(self, folder: Path, fem: str) -> None:
        self.log = folder.with_suffix(".log")
        self.pid, self.begun = os.fork(), time.monotonic()
        if self.pid == 0:
            self._become(folder, fem)

    def _become(self, folder: Path, fem: str) -> None:
        """In the child."""
        code = 1
        try:
            os.setsid()
            os.dup2(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
            os.dup2(1, 2)
            os.environ["XDG_CACHE_HOME"] = str(folder.with_suffix(".cache"))
            warnings.simplefilter("ignore")
            run(folder, fem)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def killed_after(self, seconds: float) -> bool:
        """Kill it after this time; False where it was done before. SystemExit where it failed."""
        while time.monotonic() < self.begun + seconds:
            if self._ended():
                return False
            time.sleep(0.002)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    def finish(self) -> float:
        """Let it end; seconds. SystemExit where it fails."""
        while not self._ended():
            time.sleep(0.002)
            if time.monotonic() > self.begun + _DEADLINE:
                raise SystemExit(f"a run does not end:\n{self.log.read_text()}")
        return time.monotonic() - self.begun

    def _ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid and status:
            raise SystemExit(f"a run failed:\n{self.log.read_text()}")
        return bool(pid)


@dataclass
class Figures:
    """What happened: kills by the number of parts that were done, and rounds with other results."""

    kills: dict[int, int] = field(default_factory=dict)
    rounds: int = 0
    unequal: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.kills.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{parts}: {kills}" for parts, kills in sorted(self.kills.items()))
        return (
            f"{self.count} kills in {self.rounds} rounds (by parts done: {parts}); rounds with"
            f" other results: {len(self.unequal)}"
        )


def campaign(wanted: int, fem: str, longest: int = _LONGEST_ROUND) -> Figures:
    """Rounds until `wanted` kills."""
    chosen, figures = random.Random(_SEED), Figures()
    with tempfile.TemporaryDirectory() as scratch:
        span = Run(Path(scratch, "straight"), fem).finish()
        expected = undisturbed(Path(scratch, "straight"))
        while figures.count < wanted:
            folder = Path(scratch, f"round{figures.rounds}")
            _round(folder, fem, chosen, span, figures, min(longest, wanted - figures.count))
            figures.rounds += 1
            differing = differences(expected, undisturbed(folder)) + [
                str(p) for p in folder.rglob("*.part")
            ]
            figures.unequal += [f"round {figures.rounds}: {line}" for line in differing]
            print(
                f"round {figures.rounds}: {figures.count} kills,"
                f" {'equal' if not differing else differing[:3]}",
                flush=True,
            )
    return figures


def _round(
    folder: Path, fem: str, chosen: random.Random, span: float, figures: Figures, most: int
) -> None:
    for _ in range(most):
        if not Run(folder, fem).killed_after(chosen.uniform(0.0, 1.05 * span)):
            return
        done = len(list(folder.glob("parts/[!.]*.npz")))
        figures.kills[done] = figures.kills.get(done, 0) + 1
    Run(folder, fem).finish()


def undisturbed(folder: Path) -> Any:
    """results.json without what a resumed run may have otherwise."""
    return without_times(json.loads((folder / "results.json").read_text()))


def without_times(value: Any) -> Any:
    """Of JSON."""
    if isinstance(value, dict):
        return {key: without_times(v) for key, v in value.items() if key not in _DISTURBED}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two JSON values are not equal."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [line for key in one for line in differences(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            line
            for k, pair in enumerate(zip(one, other, strict=True))
            for line in differences(*pair, f"{where}/{k}")
        ]
    return [] if one == other else [f"{where}: {one!r} and {other!r}"]


def main(arguments: list[str]) -> int:
    wanted, fem = (*arguments, *("50", "skfem")[len(arguments) :])[:2]
    begun = time.monotonic()
    figures = campaign(int(wanted), fem)
    print(f"{figures}; {time.monotonic() - begun:.0f} s")
    print("\n".join(figures.unequal))
    return int(bool(figures.unequal))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
