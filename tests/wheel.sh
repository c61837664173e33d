#!/usr/bin/env bash
# Runs the FEM tests on the wheel of DOLFINx from PyPI, serially and on two ranks, in an environment of its own (.venv-wheel) without torch.
# The first run sets it up; arguments go to pytest. Needs CPython >= 3.12 with its headers, on PATH or under pyenv, and a C compiler.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"
export OMP_NUM_THREADS=1
unset NHPINN_PYTHON # it names the Python of the other environment
venv="$root/.venv-wheel"

# requirements: those of pyproject.toml that FEM and its tests have, one a line.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" <<'PYTHON'
import re
import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
for requirement in (*project["dependencies"], *extras["dolfinx"], *extras["dev"]):
    name = re.match(r"[\w.-]+", requirement)[0]
    # DeepXDE and PINA would bring torch.
    if name not in ("torch", "deepxde", "pina-mathlab", "mypy", "ruff", "import-linter"):
        print(requirement)
PYTHON
}

stamp="$(cat "$root/pyproject.toml" "${BASH_SOURCE[0]}" | cksum)"
if [ "$(cat "$venv/.done" 2>/dev/null)" != "$stamp" ]; then
    python="$(python_for_wheel)" || fail "The wheel of DOLFINx needs CPython >= 3.12 with its headers on Linux x86-64 (glibc >= 2.34), and a C compiler (cc)." \
        "None was found on PATH, nor under pyenv." \
        "  Debian 13, Ubuntu 24.04 or newer: apt-get install python3-venv python3-dev gcc (as root)" \
        "  elsewhere: pyenv install 3.12, or Python from python.org or conda; then put its folder on PATH and run this again."
    say "set-up: .venv-wheel from $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    settle
    mapfile -t needed < <(requirements)
    "$venv/bin/python" -m pip install --quiet --no-compile "${needed[@]}" || pip_failed
    "$venv/bin/python" -m pip install --quiet --no-deps --editable "$root" || pip_failed
    echo "$stamp" >"$venv/.done"
fi
settle

cd "$root"
"$venv/bin/python" - <<'PYTHON'
from importlib.util import find_spec

import nhpinn_sym.runtime.fem_dolfinx.compat as versions

print("DOLFINx", versions.dolfinx.__version__, versions.dolfinx.__file__)
assert find_spec("torch") is None, "the FEM tests are to run without torch here"
PYTHON
exec "$venv/bin/python" -m pytest -n auto --dist loadfile -k "(dolfinx or ufl or test_mpi) and not torch" \
    tests/solve/fem tests/solve/test_*.py tests/emit/test_ufl_forms.py tests/runtime/fem_dolfinx "$@"
