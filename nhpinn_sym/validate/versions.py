"""What computes: the versions of the package and of the libraries that its numbers depend on."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import platform
from functools import lru_cache
from pathlib import Path

from .. import __version__

_DISTRIBUTIONS = ("numpy", "scipy", "sympy", "torch", "scikit-fem", "pyamg")
# Modules: the distributions that bring them have other names on every system.
_DOLFINX = ("dolfinx", "petsc4py")


def versions(fem: str) -> dict[str, str]:
    """By name; `fem` is the finite element backend that computes. The package itself by its files
    too.
    """
    found = {
        "nhpinn_sym": f"{__version__} {_package_digest()}",
        "python": platform.python_version(),
    }
    found |= {name: _version(name) for name in _DISTRIBUTIONS}
    if fem == "dolfinx":
        found |= {name: str(importlib.import_module(name).__version__) for name in _DOLFINX}
    return found


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "none"


@lru_cache
def _package_digest() -> str:
    """Of the files of the package: a working copy changes without its version."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".cpp", ".hpp")):
        digest.update(f"{path.relative_to(root)}|".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
