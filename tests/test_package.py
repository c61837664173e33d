"""The package as a whole: what importing it brings in, its version, its entry point and its
data.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import subprocess
import sys
from pathlib import Path

import nhpinn_sym

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
HEAVY = {
    "torch",
    "dolfinx",
    "ufl",
    "basix",
    "ffcx",
    "petsc4py",
    "mpi4py",
    "skfem",
    "pyamg",
    "matplotlib",
    "scipy.sparse",
}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_the_package_imports_no_numerical_library() -> None:
    assert not HEAVY & modules_after("import nhpinn_sym")


def test_the_symbolic_stages_import_no_numerical_library() -> None:
    statement = (
        "import nhpinn_sym.emit.torch_equation, nhpinn_sym.emit.ufl_forms, nhpinn_sym.emit.skfem_forms,"
        " nhpinn_sym.emit.fourier_forms"
    )
    assert not HEAVY & modules_after(statement)


def test_mpi4py_is_imported_before_petsc_and_dolfinx() -> None:
    """PETSc and DOLFINx of the wheel on PyPI use the MPI library that mpi4py has loaded: without it
    their import fails.
    """
    for path in Path(nhpinn_sym.__file__).parent.rglob("*.py"):
        seen = list[str]()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            seen += [name.partition(".")[0] for name in names]
        for later in {"petsc4py", "dolfinx"} & set(seen):
            assert "mpi4py" in seen[: seen.index(later)], path


def test_every_public_name_is_there() -> None:
    contract = """Scales MultiscaleProblem Box Cell Dirichlet Neumann Periodic Initial homogenize emit solve_cells solve_homogenized
        reconstruct solve_fine validate load"""
    assert all(callable(getattr(nhpinn_sym, name)) for name in contract.split())
    assert set(contract.split()) <= set(dir(nhpinn_sym))


def test_verbs_are_functions_whatever_is_imported() -> None:
    importlib.import_module("nhpinn_sym.emit.source")
    importlib.import_module("nhpinn_sym.validate.verdict")
    verbs = [nhpinn_sym.emit, nhpinn_sym.validate, nhpinn_sym.bloch, nhpinn_sym.homogenize]
    assert all(map(inspect.isfunction, verbs))


def test_one_version() -> None:
    assert nhpinn_sym.__version__ == importlib.metadata.version("nhpinn_sym") == PROJECT["version"]


def test_the_entry_point_exists() -> None:
    module, function = PROJECT["scripts"]["nhpinn"].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_types_and_runtime_texts_are_part_of_the_package() -> None:
    package = importlib.resources.files("nhpinn_sym")
    assert (package / "py.typed").is_file()
    assert "import torch" in (package / "runtime" / "nets" / "jets.py").read_text()


def test_the_recipe_for_conda_asks_for_the_same() -> None:
    """Of the packages of pyproject.toml, by their names there."""
    names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    wanted = {
        names.get(name, name): version
        for name, version in (line.split(">=") for line in PROJECT["dependencies"])
    }
    recipe = (Path(__file__).parents[1] / "docs" / "packaging" / "meta.yaml").read_text()
    run = recipe.partition("  run:\n")[2].partition("  run_constrained:")[0]
    asked = dict(line.removeprefix("    - ").split(" >=") for line in run.splitlines())
    assert asked.pop("python") == PROJECT["requires-python"].removeprefix(">=")
    assert asked == wanted
    assert f'version = "{PROJECT["version"]}"' in recipe
