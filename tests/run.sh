#!/usr/bin/env bash
# Runs the tests; arguments go to pytest: bash tests/run.sh -k cells
# The first run sets the project's .venv up, with DOLFINx (and pdflatex, Chromium): on Debian as root they are installed by apt, elsewhere they must be there.
# Options of the set-up: examples/setup.sh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"
export OMP_NUM_THREADS=1

# May this script install packages of the system? On Debian, as root, and unless the user chose a Python.
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "${NHPINN_PYTHON:-}" ]; }

apt_install() {
    local package log missing=()
    for package in "$@"; do
        dpkg-query --show --showformat='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    say "set-up: apt installs ${missing[*]}"
    log="$(apt-get -qq update 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}" 2>&1)" ||
        fail "$log" "apt could not install them (see above)."
}

# DOLFINx for the system's Python; python3-venv makes .venv, and with OpenBLAS DOLFINx does not fall back to the slow reference BLAS.
if ! sees_dolfinx "$venv/bin/python" pip && ! takes_wheel "$venv/bin/python" pip; then
    case "$(python_with_dolfinx)" in
    "" | /usr/bin/python3) if may_install; then apt_install python3-dolfinx-real python3-venv libopenblas0-pthread; fi ;;
    esac
    python_with_dolfinx >/dev/null || python_for_wheel >/dev/null ||
        fail "The tests need DOLFINx, and no Python was found that has it or can take it (looked at: $(candidates | tr '\n' ' '))." \
            "  Linux x86-64:   any Python >= 3.12 with its headers, and a C compiler (cc): pip installs DOLFINx, nothing else is needed" \
            "  Debian, Ubuntu: run this as root, or: apt-get install --no-install-recommends python3-dolfinx-real python3-venv libopenblas0-pthread" \
            "  elsewhere:      conda create -n fenicsx -c conda-forge fenics-dolfinx && conda activate fenicsx" \
            "Then run this again; NHPINN_PYTHON=/path/to/python names a Python that is not on PATH."
fi
# A C++ compiler for the native residuals.
if ! command -v c++ >/dev/null && may_install; then apt_install g++; fi
# pdflatex, which takes the LaTeX of derivations; the tests of that say how to get it where it may not be installed here.
if ! command -v pdflatex >/dev/null && may_install; then apt_install texlive-latex-base; fi
# Chromium, which shows the page of a report; likewise.
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && may_install; then apt_install chromium; fi

# Libraries of a display, which gmsh asks for though it opens none; its tests say so where they are missing.
if may_install; then apt_install libglu1-mesa libxft2 libxcursor1 libxinerama1; fi

set_up dev dolfinx
cd "$root"
# One worker a core; a file's fixtures are made once; long tests first, as tests/conftest.py has them.
exec "$venv/bin/python" -m pytest -n auto --dist loadfile --no-loadscope-reorder "$@"
