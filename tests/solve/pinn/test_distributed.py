"""Two processes that share the rows find what one finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from nhpinn_sym.problem.errors import ToleranceWarning
from nhpinn_sym.solve.pinn.distributed import Ranks

from . import two_ranks

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
EVALUATED = ("value", "gradient", "normal equations", "linear part")


def outputs_of(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What they printed; where one fails the others, which would wait for it, are ended."""
    deadline = time.monotonic() + 300
    while any(process.poll() is None for process in processes):
        if any(process.poll() for process in processes) or time.monotonic() > deadline:
            for process in processes:
                process.kill()
        time.sleep(0.05)
    return [process.communicate()[0] for process in processes]


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """What one process finds, and what two find."""
    path = tmp_path_factory.mktemp("ranks") / "numbers.json"
    command = [sys.executable, str(Path(two_ranks.__file__)), str(path)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToleranceWarning)
        processes = [
            subprocess.Popen(
                [*command, rank],
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank in "01"
        ]
        alone = two_ranks.found(None)
    outputs = outputs_of(processes)
    assert not any(process.returncode for process in processes), outputs
    return alone, json.loads(path.read_text())


def distance(both: tuple[dict[str, list[float]], dict[str, list[float]]], what: str) -> float:
    alone, shared = (np.array(numbers[what]) for numbers in both)
    return float(np.abs(alone - shared).max() / np.abs(alone).max())


@pytest.mark.parametrize("what", EVALUATED)
def test_the_loss_of_two_processes_is_that_of_one(
    both: tuple[dict[str, list[float]], dict[str, list[float]]], what: str
) -> None:
    """At given weights only the order of the sums differs."""
    assert distance(both, what) < 1e-12


@pytest.mark.parametrize("what", [*two_ranks.SOLVERS, "equation"])
def test_two_processes_find_the_numbers_of_one(
    both: tuple[dict[str, list[float]], dict[str, list[float]]], what: str
) -> None:
    """Rounding grows on the way: Adam divides by the size of each component of the gradient,
    however small, and the matrix of many
    random features is nearly singular (measured: 1e-9 and 2e-8). Half of the rows give numbers that
    are 3e-3 away, or more."""
    assert distance(both, what) < 1e-6


def test_processes_with_different_problems_are_refused(
    both: tuple[dict[str, list[float]], dict[str, list[float]]],
) -> None:
    assert both[1]["refused"] == [1.0, 1.0]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[dist.ProcessGroup]:
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    yield dist.group.WORLD
    dist.destroy_process_group()


def test_the_factor_of_shared_rows(group: dist.ProcessGroup) -> None:
    """Fewer rows than columns too: R has the same Gram matrix."""
    for count in (3, 40):
        rows = torch.randn(
            count, 7, generator=torch.Generator().manual_seed(count), dtype=torch.float64
        )
        factor = Ranks(group).factor(rows.split(2))
        assert factor.shape == (7, 7)
        assert torch.allclose(factor.T @ factor, rows.T @ rows, atol=1e-12)


def test_the_command_under_torchrun_prints_once() -> None:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--standalone",
        "-m",
        "nhpinn_sym.cli.main",
    ]
    example = ROOT / "examples" / "elliptic_1d.py"
    done = subprocess.run(
        [*launcher, "cells", str(example), "--backend", "pinn"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1.93649167") == 1
