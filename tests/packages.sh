#!/usr/bin/env bash
# Builds the sdist and the wheel of the package, and tries the wheel in an empty environment of every
# Python at hand (3.10 to 3.13, on PATH or under pyenv), without torch and without DOLFINx: import,
# `nhpinn derive`, cells by fourier and skfem.
#
#   bash tests/packages.sh [3.12 ...]    # these Pythons alone
#
# tests/run.sh sets .venv up, whose setuptools builds. The packages stay in out/packages.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"
cd "$root"
export OMP_NUM_THREADS=1
unset PYTHONPATH SETUPTOOLS_USE_DISTUTILS
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
[ -x "$venv/bin/python" ] || fail "There is no .venv yet: bash tests/run.sh sets it up."

# The first Python of a version that makes environments.
find_python() {
    local python
    while read -r python; do
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$python"
            return
        fi
    done < <(
        type -ap "python$1" | grep -v /shims/ || true
        ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$1".*/bin/python 2>/dev/null || true
    )
}

# What the package needs, without torch.
requirements() {
    "$venv/bin/python" - "$root/pyproject.toml" <<'PYTHON'
import sys

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

with open(sys.argv[1], "rb") as file:
    print(*(r for r in tomllib.load(file)["project"]["dependencies"] if not r.startswith("torch")), sep="\n")
PYTHON
}

rm -rf out/packages
git ls-files -z | grep -zv '^tests/golden/' | (cd "$root" && tar --null -cf - -T -) | (mkdir "$scratch/source" && tar -xf - -C "$scratch/source")
# built HOOK FOLDER: by setuptools from the sources in the folder, into $scratch/packages.
built() {
    (cd "$2" && "$venv/bin/python" -c "import setuptools.build_meta as build; build.$1('$scratch/packages')" >"$scratch/build.log" 2>&1) || {
        cat "$scratch/build.log"
        fail "The package cannot be built: $1"
    }
}

# The wheel is built from the sdist: what is tried is in both.
mkdir "$scratch/packages" "$scratch/sdist"
built build_sdist "$scratch/source"
tar -xzf "$scratch"/packages/*.tar.gz -C "$scratch/sdist" --strip-components=1
built build_wheel "$scratch/sdist"
mkdir -p out
mv "$scratch/packages" out/packages
wheels=(out/packages/*-py3-none-any.whl)
[ -f "${wheels[0]}" ] || fail "The wheel is not pure Python: $(ls out/packages)"
say "built: $(ls out/packages | tr '\n' ' ')"

mapfile -t needed < <(requirements)
versions=("$@")
if [ ${#versions[@]} = 0 ]; then versions=(3.10 3.11 3.12 3.13); fi
tried=0
for version in "${versions[@]}"; do
    python="$(find_python "$version")"
    if [ -z "$python" ]; then
        say "Python $version: not here"
        continue
    fi
    "$python" -m venv "$scratch/$version"
    "$scratch/$version/bin/python" -m pip install --quiet --no-compile "${needed[@]}"
    "$scratch/$version/bin/python" -m pip install --quiet --no-deps "${wheels[0]}"
    (
        cd "$scratch" && mkdir "empty-$version" && cd "empty-$version"
        export PATH="$scratch/$version/bin:$PATH"
        nhpinn new mine >/dev/null
        nhpinn derive mine.py | grep -q "Homogenized equation"
        for backend in fourier skfem; do
            nhpinn cells mine.py --backend "$backend" --quiet --json | python -c "
import json, sys
values = {tuple(e['index']): e['real'] for e in json.load(sys.stdin)['effective'] if e['name'] == 'A'}
assert abs(values[0, 0] - 1.9353592348122903) < 1e-5, values"
        done
        nhpinn emit mine.py --target torch -o emitted >/dev/null
        python -c "
from importlib.util import find_spec
import nhpinn_sym
assert find_spec('torch') is None and find_spec('dolfinx') is None
assert 'site-packages' in nhpinn_sym.__file__, nhpinn_sym.__file__"
        if nhpinn cells mine.py --backend pinn 2>message; then exit 1; fi
        grep -q "needs torch" message
    ) || fail "Python $version: the wheel does not work there (see above)."
    rm -rf "${scratch:?}/$version"
    say "Python $version: import, derive, cells by fourier and skfem"
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || fail "None of these Pythons is here: ${versions[*]}"
say "the wheel works in $tried environments"
