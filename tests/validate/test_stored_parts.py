"""The parts of a validation: what they are valid for, damaged ones, and runs that were killed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.progress import silent
from nhpinn_sym.validate import boundary_value_run as module
from nhpinn_sym.validate.settings import Settings, problem_key
from nhpinn_sym.validate.stored_parts import Store
from nhpinn_sym.validate.versions import versions

from .kill_resume import differences, undisturbed

PARTS = {"cells_pinn", "cells_skfem", "cells_fourier", "u_eps", "p", "w", "v", "u0"}
"""At least; where the verdict needs a second eps there are more."""


def parts(folder: Path) -> set[str]:
    """The names of the parts that are there."""
    return {path.stem.rpartition("_")[0] for path in folder.glob("parts/[!.]*.npz")}


def file_of(folder: Path, name: str) -> Path:
    """The file of one part: its name is no prefix of another's, as cells_fourier_order_2 is."""
    (found,) = (p for p in folder.glob("parts/[!.]*.npz") if p.stem.rpartition("_")[0] == name)
    return found


def problem(number: Any = 2, value: Any = 1, name: str = "") -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div((number + sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), value),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        name=name,
    )


def key(made: nh.MultiscaleProblem, tmp_path: Path, **options: Any) -> str:
    """What the parts of a validation are known by."""
    given = {
        "fem": "skfem",
        "cells": {},
        "equation": {},
        "per_period": None,
        "tolerance": None,
        "parameters": None,
    } | options
    settings = Settings(**given, progress=silent)  # type: ignore[arg-type]
    run = module.BoundaryValueRun(made, sp.Rational(1, 2), tmp_path, settings)
    return run.store.key


def test_parts_are_known_by_all_that_they_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sixteenth digit of a coefficient, too, which SymPy does not print."""
    keys = [
        key(problem(), tmp_path),
        key(problem(value=2), tmp_path),
        key(problem(sp.Float("2.0000000000000004")), tmp_path),
        key(problem(sp.Float("2.0")), tmp_path),
        key(problem(), tmp_path, cells={"seed": 1}),
        key(problem(), tmp_path, tolerance=1e-4),
        key(problem(), tmp_path, per_period=9),
    ]
    assert key(problem(), tmp_path) == keys[0]
    for name in ("numpy", "scipy", "torch", "scikit-fem", "nhpinn_sym"):
        monkeypatch.setattr(
            module, "versions", lambda fem, name=name: versions(fem) | {name: "another"}
        )
        keys.append(key(problem(), tmp_path))
    assert len(set(keys)) == len(keys)


def test_parts_are_known_by_holes_and_contacts() -> None:
    s = nh.Scales(2)
    u = s.unknown("u")
    small, large = (nh.Disk((0.5, 0.5), r) for r in (0.2, 0.3))
    given: list[dict[str, Any]] = [
        {},
        {"holes": {small: nh.Neumann(0)}},
        {"holes": {large: nh.Neumann(0)}},
        {"holes": {small: nh.Dirichlet(0)}},
        {"contacts": {small: 3}},
        {"contacts": {small: 4}},
    ]
    equation = sp.Eq(-s.laplacian(u), 1)
    keys = [
        problem_key(nh.MultiscaleProblem(equation, scales=s, unknown=u, **more)) for more in given
    ]
    assert len(set(keys)) == len(keys)


def test_dolfinx_is_a_version_where_it_computes() -> None:
    assert {"dolfinx", "petsc4py"} <= set(versions("dolfinx")) and "dolfinx" not in versions(
        "skfem"
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "out"
    nh.validate(problem(), eps=0.5, out=folder, fem="skfem")
    return folder


def test_a_resumed_result_is_complete_and_equal(done: Path) -> None:
    before = undisturbed(done)
    report = nh.validate(problem(), eps=0.5, out=done, fem="skfem")
    within = {"cells_fourier_order_2"}  # what u_eps was made of
    assert set(report.info["resumed"]) | within == parts(done) >= PARTS
    assert differences(before, undisturbed(done)) == []
    for name in ("pinn", "skfem", "oracle"):
        assert report.info["cells"][name]["multipliers"] is not None
    assert report.info["cells"]["skfem"]["cells"]


def written(path: Path, change: Any) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    np.savez(path, **arrays)


DAMAGES: dict[str, Any] = {
    "zero length": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "text": lambda path: path.write_text("not an archive"),
    "other keys": lambda path: np.savez(path, other=np.ones(3)),
    "one bit": lambda path: path.write_bytes(
        bytes(b ^ (k == path.stat().st_size // 2) for k, b in enumerate(path.read_bytes()))
    ),
    "no digest": lambda path: written(path, lambda arrays: arrays.pop("digest")),
    "another digest": lambda path: written(
        path, lambda arrays: arrays.update(digest=np.array("0"))
    ),
    "nan": lambda path: written(
        path, lambda arrays: arrays.update({"array_0": np.full_like(arrays["array_0"], np.nan)})
    ),
    "another shape": lambda path: written(
        path, lambda arrays: arrays.update({"array_0": np.zeros(1)})
    ),
    "unknown compression": lambda path: path.write_bytes(_compressed_by(path.read_bytes(), 99)),
}


def _compressed_by(data: bytes, method: int) -> bytes:
    """An archive that names another compression for every member."""
    out = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        for found in re.finditer(re.escape(mark), data):
            out[found.start() + place : found.start() + place + 2] = method.to_bytes(2, "little")
    return bytes(out)


@pytest.mark.parametrize("first", [0, 5])
def test_damaged_parts_are_computed_again(first: int, done: Path) -> None:
    """Every part has a damage of its own."""
    before, names = undisturbed(done), sorted(parts(done))
    for k, name in enumerate(names):
        damage = list(DAMAGES.values())[(first + k) % len(DAMAGES)]
        damage(file_of(done, name))
    report = nh.validate(problem(), eps=0.5, out=done, fem="skfem")
    assert report.info["resumed"] == []
    assert differences(before, undisturbed(done)) == []


def test_parts_that_are_sound_files_of_nonsense_are_computed_again(
    done: Path, tmp_path: Path
) -> None:
    """nan, other names and other shapes with a right digest."""

    def part() -> dict[str, Any]:
        return {"values": np.ones(3)}

    def sound(arrays: dict[str, Any]) -> bool:
        return bool(np.isfinite(arrays.get("values", np.nan)).all())

    for name, nonsense in (("p", {"values": np.full(3, np.nan)}), ("w", {"other": np.ones(3)})):
        Store(tmp_path, "key").arrays(name, lambda nonsense=nonsense: nonsense)
        later = Store(tmp_path, "key")
        assert later.arrays(name, part, sound)["values"].tolist() == [1, 1, 1]
        assert later.taken == []
    cells = nh.load(file_of(done, "cells_fourier"))
    bad = replace(
        cells,
        entries={name: replace(e, values=e.values * np.nan) for name, e in cells.entries.items()},
    )
    Store(tmp_path, "key").cells("c", lambda: bad)
    later = Store(tmp_path, "key")
    assert np.isfinite(later.cells("c", lambda: cells).effective["A"]).all()
    assert later.taken == []


def test_a_part_is_computed_once_and_is_none_of_an_earlier_run(tmp_path: Path) -> None:
    calls: list[str] = []

    def part() -> dict[str, Any]:
        calls.append("p")
        return {"values": np.ones(3)}

    for folder, taken in ((None, []), (tmp_path, []), (tmp_path, ["p"])):
        calls.clear()
        store = Store(folder, "key")
        for _ in range(2):
            assert store.arrays("p", part)["values"].tolist() == [1, 1, 1]
        assert (len(calls), store.taken) == (1 - len(taken), taken)


def test_parts_with_any_bytes_are_computed_again_or_right(tmp_path: Path) -> None:
    arrays = {"values": np.linspace(0, 1, 7), "method": np.array("skfem: Q2")}
    Store(tmp_path, "key").arrays("p", lambda: arrays)
    path = next(tmp_path.glob("parts/p_*.npz"))
    sound, generator = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(sound)
        for place in generator.integers(0, len(data), 2):
            data[place] = generator.integers(0, 256)
        path.write_bytes(bytes(data)[: generator.integers(1, 2 * len(data))])
        found = Store(tmp_path, "key").arrays("p", lambda: arrays)
        assert (
            np.array_equal(found["values"], arrays["values"])
            and str(found["method"]) == "skfem: Q2"
        )


def test_temporary_files_of_killed_processes_are_swept(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from nhpinn_sym.emit import source; import os, signal;"
        "source.os.replace = lambda a, b: os.kill(os.getpid(), signal.SIGKILL);"
        f"source.write_atomic(Path({str(tmp_path)!r}, 'parts', 'a'), b'x')"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.rglob("*.part"))) == 1
    Store(tmp_path, "key")
    assert not list(tmp_path.rglob("*.part"))


def test_killed_at_random_moments_it_resumes_to_the_same_results() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.validate.kill_resume", "3"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0 and "3 kills" in done.stdout, done.stdout + done.stderr
