"""Time and memory of one Adam step, beside DeepXDE, PINA and neurodiffeq: python -m
tests.benchmarks.pinn_steps

The libraries are installed on first use, beside the compiled libraries in the user's cache. All are
timed in one process, in turns; the memory of each is what a process of its own needs more than for
a small problem.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PACKAGES = ("deepxde==1.15.0", "pina-mathlab==0.3.2", "neurodiffeq==0.7.0")
SIDE, ROUNDS, STEPS = 101, 5, 3
HEAD = f"{'':14s} {'ms':>7s} {'MB':>5s} {'of DeepXDE':>10s} {'of PINA':>8s}"


def main() -> None:
    python = environment()
    times = dict(line.split() for line in _child(python, "time"))
    print(
        f"One Adam step, {SIDE} x {SIDE} points, net 2-64-64-64-1, float64; CPU time of one thread,"
        f" extra memory\n{HEAD}"
    )
    for name, text in times.items():
        (memory,), seconds = _child(python, "memory", name), float(text)
        relative = [seconds / float(times[other]) for other in ("DeepXDE", "PINA")]
        print(
            f"{name:14s} {1e3 * seconds:7.0f} {float(memory):5.0f} {relative[0]:10.2f}"
            f" {relative[1]:8.2f}",
            flush=True,
        )


def environment() -> Path:
    """The interpreter of an environment with the other libraries; the packages of this one are seen
    from there.
    """
    from nhpinn_sym.runtime.nets.native.library import cache_folder

    folder = cache_folder() / "benchmark_libraries"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        path = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
        Path(path, "parent.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "done").touch()
    return python


def measure_times() -> None:
    """Medians of steps in turns; the first round, in which programs are compiled and memory is
    taken, does not count.
    """
    from .pinn_libraries import LIBRARIES, quiet

    quiet()
    with contextlib.redirect_stdout(io.StringIO()):
        made = {name: make(SIDE) for name, make in LIBRARIES.items()}
        rounds = [{name: steps(STEPS) for name, steps in made.items()} for _ in range(ROUNDS + 1)]
    for name in made:
        print(name, statistics.median(second for turn in rounds[1:] for second in turn[name]))


def measure_memory(name: str) -> None:
    """MB at the peak of building the problem and some steps, above what stands after the same for
    few points (Linux).
    """
    from .pinn_libraries import LIBRARIES, quiet

    quiet()
    with contextlib.redirect_stdout(io.StringIO()):
        LIBRARIES[name](5)(STEPS)
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        before = _status("VmRSS")
        LIBRARIES[name](SIDE)(STEPS)
    print((_status("VmHWM") - before) / 1024)


def _status(key: str) -> int:
    """kB, from the operating system."""
    return next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(key)
    )


def _child(python: Path, *arguments: str) -> list[str]:
    settings = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    call = [str(python), "-m", "tests.benchmarks.pinn_steps", *arguments]
    return (
        subprocess.run(
            call,
            env=settings,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        .stdout.strip()
        .splitlines()
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["time"]:
        measure_times()
    elif sys.argv[1:2] == ["memory"]:
        measure_memory(sys.argv[2])
    else:
        main()
