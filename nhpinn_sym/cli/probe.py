"""Looks at one backend's library: `python -m nhpinn_sym.cli.probe pinn` prints what it found as
JSON.

A process of its own, because a broken build can end the process that imports it, and because MPI
and CUDA are then initialised nowhere else.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

ProbeResult = tuple[str, str]
"""(versions, devices)"""


def probe_pinn() -> ProbeResult:
    """PyTorch, its CPU threads and its CUDA devices by name."""
    torch = importlib.import_module("torch")
    devices = [
        f"cpu ({torch.get_num_threads()} threads)",
        *(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())),
    ]
    return f"torch {torch.__version__}", ", ".join(devices)


def probe_dolfinx() -> ProbeResult:
    """DOLFINx with its PETSc, the MPI that it runs on (library and ranks), and whether its forms
    can be compiled.
    """
    if importlib.util.find_spec("dolfinx") is None:
        raise ModuleNotFoundError(name="dolfinx")  # rather than the first of its companions
    dolfinx = importlib.import_module("nhpinn_sym.runtime.fem_dolfinx.compat").dolfinx
    mpi = importlib.import_module("mpi4py.MPI")
    petsc = importlib.import_module("petsc4py").__version__
    require_compiler()
    vendor, version = mpi.get_vendor()
    return (
        f"dolfinx {dolfinx.__version__}, PETSc {petsc}",
        f"cpu, MPI ranks: {mpi.COMM_WORLD.size} ({vendor} {'.'.join(map(str, version))})",
    )


def require_compiler() -> None:
    """RuntimeError where DOLFINx cannot compile its forms: they include the headers of Python."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(compiler) is None or not headers.exists():
        raise RuntimeError(f"its forms need a C compiler ({compiler}) and {headers}")


def probe_skfem() -> ProbeResult:
    """scikit-fem and the multigrid that solves its systems."""
    return imported_versions("scikit-fem", "pyamg", imports=("skfem", "pyamg")), "cpu"


def probe_fourier() -> ProbeResult:
    """NumPy and SciPy."""
    return imported_versions("numpy", "scipy", imports=("numpy", "scipy.sparse.linalg")), "cpu"


def imported_versions(*distributions: str, imports: tuple[str, ...]) -> str:
    """The versions of `distributions`, after their modules `imports` could be imported."""
    for module in imports:
        importlib.import_module(module)
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in distributions)


PROBES: dict[str, Callable[[], ProbeResult]] = {
    "pinn": probe_pinn,
    "dolfinx": probe_dolfinx,
    "skfem": probe_skfem,
    "fourier": probe_fourier,
    "voxel": probe_fourier,
}


def report(backend: str) -> dict[str, str]:
    """The fields of `doctor.Row` but the backend's name."""
    try:
        found, devices = PROBES[backend]()
    except ModuleNotFoundError as error:
        return {"status": "missing", "problem": f"not installed: {error.name}"}
    except (
        Exception
    ) as error:  # whatever a library raises when it is imported is what the report is about
        return {"status": "broken", "problem": " ".join(f"{type(error).__name__}: {error}".split())}
    return {"status": "present", "versions": found, "devices": devices}


if __name__ == "__main__":
    json.dump(report(sys.argv[1]), sys.stdout)
