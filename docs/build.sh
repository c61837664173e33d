#!/usr/bin/env bash
# Makes the documentation in out/docs; arguments go to sphinx-build. A warning is an error: a link inside that leads nowhere,
# a page that no other names, a docstring that cannot be read. tests/run.sh has set .venv up.
#
# Sphinx lives in an environment of its own (.venv-docs) that sees the packages of .venv: it asks for other versions of what those use.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"
docs="$root/.venv-docs"
export OMP_NUM_THREADS=1
[ -x "$venv/bin/python" ] || fail "There is no .venv yet: bash tests/run.sh sets it up."

# The group "docs" of pyproject.toml, one a line.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" <<'PYTHON'
import sys

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

with open(sys.argv[1], "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["docs"], sep="\n")
PYTHON
}

mapfile -t needed < <(requirements)
stamp="$(printf '%s\n' "$venv" "${needed[@]}" | cat - "${BASH_SOURCE[0]}" | cksum)"
if [ "$(cat "$docs/.done" 2>/dev/null)" != "$stamp" ]; then
    say "set-up: .venv-docs"
    rm -rf "$docs"
    "$venv/bin/python" -m venv --system-site-packages "$docs"
    "$venv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))" >"$("$docs/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/project.pth"
    "$docs/bin/python" -m pip install --quiet --no-compile "${needed[@]}" || pip_failed
    echo "$stamp" >"$docs/.done"
fi
settle

cd "$root"
PYTHONPATH="$root" "$docs/bin/python" -m sphinx -b html -W --keep-going -q "$@" docs out/docs
say "out/docs/index.html"
