"""`doctor` on this installation, and on installations that lack a library or have a broken one."""

from __future__ import annotations

import importlib.metadata
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from nhpinn_sym.cli.doctor import BACKENDS, doctor, examine, print_doctor


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Python processes started from now on find these texts in place of the modules of the same
    names.
    """
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def hide(folder: Path, monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Python processes started from now on do not find these modules."""
    shadow(
        folder,
        monkeypatch,
        sitecustomize="import sys\n"
        + "".join(f"sys.modules[{name!r}] = None\n" for name in modules),
    )


def test_every_backend_is_present_with_its_version() -> None:
    rows = {row.backend: row for row in doctor()}
    assert list(rows) == list(BACKENDS)
    assert {row.status for row in rows.values()} == {"present"}, rows
    for backend, distribution in {
        "pinn": "torch",
        "skfem": "scikit-fem",
        "fourier": "scipy",
    }.items():
        assert importlib.metadata.version(distribution) in rows[backend].versions
    assert re.match(r"dolfinx 0\.\d+\.\d+", rows["dolfinx"].versions)
    assert "threads" in rows["pinn"].devices
    assert "MPI ranks: 1" in rows["dolfinx"].devices


def test_a_missing_library_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(tmp_path, monkeypatch, "dolfinx")
    row = examine("dolfinx")
    assert row.status == "missing"
    assert row.problem == "not installed: dolfinx"
    for way in ("pip install dolfinx-solver-real", "python3-dolfinx-real", "conda-forge"):
        assert way in row.remedy


def test_an_mpi_that_may_not_open_a_device_is_told_to_leave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "ib_iface.c:1316 UCX  ERROR mana_0: ibv_create_cq failed: Operation not supported"
    shadow(
        tmp_path,
        monkeypatch,
        mpi4py=f"import os, sys\nprint({said!r}, file=sys.stderr, flush=True)\nos.abort()",
    )
    row = examine("dolfinx")
    assert row.status == "broken" and "mana_0" in row.problem
    assert "UCX_TLS=self,sm,tcp" in row.remedy


def test_dolfinx_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    row = examine("dolfinx")
    assert row.status == "broken" and "no-such-compiler" in row.problem
    assert row.remedy.startswith("install a C compiler")


def test_the_text_of_a_failed_import_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(
        tmp_path,
        monkeypatch,
        torch="raise OSError('libtorch.so: [bold] cannot open\\nshared object file')",
    )
    row = examine("pinn")
    assert row.status == "broken"
    assert row.problem == "OSError: libtorch.so: [bold] cannot open shared object file"


def test_a_library_that_ends_its_process_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(
        tmp_path,
        monkeypatch,
        skfem=(
            "import os, sys\nprint('illegal instruction', file=sys.stderr, flush=True)\nos.abort()"
        ),
    )
    row = examine("skfem")
    assert row.status == "broken"
    assert "illegal instruction" in row.problem


def test_output_of_a_library_is_no_part_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path, monkeypatch, sitecustomize="print('welcome')")
    assert examine("fourier").status == "present"


@pytest.mark.parametrize(
    ("hidden", "ready"), [(("dolfinx",), True), (("dolfinx", "skfem"), False), (("torch",), False)]
)
def test_the_table_says_whether_the_main_job_can_run(
    hidden: tuple[str, ...], ready: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(tmp_path, monkeypatch, *hidden)
    out = io.StringIO()
    assert print_doctor(Console(file=out, width=200)) is ready
    assert all(f"not installed: {module}" in out.getvalue() for module in hidden)
    assert f"validate {'can' if ready else 'cannot'} run here" in out.getvalue()


def test_nothing_is_imported_in_the_calling_process() -> None:
    code = (
        "import sys, nhpinn_sym.cli.doctor as d; d.doctor(); print(sorted({'torch', 'dolfinx',"
        " 'skfem', 'mpi4py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
