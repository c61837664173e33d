# Makes the project's one .venv, for examples/quickstart.sh and tests/run.sh, which source this file.
#
# What a user may set:
#   NHPINN_PYTHON    the Python that .venv is made from; default: the first that sees DOLFINx, else the first that can make one
#                    (tests/run.sh: else the first that the wheel of DOLFINx fits)
#   NHPINN_TORCH     a requirement such as "torch==2.13.0"; default: the torch that is there, else that one
#   PIP_INDEX_URL, PIP_EXTRA_INDEX_URL    as pip reads them; for a CPU-only torch on Linux, the address that PyTorch gives for CPU builds
#
# .venv sees the packages of its Python, because DOLFINx may come from a system's packages or from conda. Where it does not, pip takes the
# wheel of DOLFINx, if that fits this Python (see `facts`); the two are never mixed.
# Each finished set-up leaves a stamp; nothing is done while the stamp fits, and everything again where a set-up did not finish.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 MPLBACKEND=Agg PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '== %s\n' "$*"; }
fail() { printf '%s\n' "$@" >&2; exit 4; }

# facts PYTHON MODULE...: "PYTHON_VERSION DOLFINX_VERSION NUMPY_MAJOR TORCH WHEEL", "-" for what is absent. DOLFINx is the one that comes
# with the Python, from outside of .venv, NumPy the one that it was built for. WHEEL: "installed" in .venv, "fits" where pip can take it
# (CPython >= 3.12, Linux x86-64, glibc >= 2.34, a C compiler and Python's headers for its forms, no MPI or PETSc of another DOLFINx).
# Fails for a Python that is too old or has none of the MODULEs (pip to be a .venv, ensurepip or pip to make one).
facts() {
    "$1" - "${@:2}" 2>/dev/null <<'PYTHON'
import os
import platform
import shutil
import sys
import sysconfig
from importlib.metadata import distributions
from importlib.util import find_spec

if sys.version_info < (3, 10) or find_spec("venv") is None or not any(map(find_spec, sys.argv[1:])):
    sys.exit(1)
outside = [p for p in sys.path if sys.prefix == sys.base_prefix or not p.startswith(sys.prefix)]


def version(*names):
    return next((d.version for name in names for d in distributions(name=name, path=outside)), None)


def from_outside(module):
    spec = find_spec(module)
    places = spec and (spec.submodule_search_locations or [spec.origin or ""])
    return bool(places) and (sys.prefix == sys.base_prefix or not places[0].startswith(sys.prefix))


def wheel():
    if find_spec("dolfinx") is not None:
        return "-" if from_outside("dolfinx") else "installed"
    glibc = [int(part) for part in platform.libc_ver()[1].split(".")[:2] if part.isdigit()]
    machine = (sys.implementation.name, sys.platform, platform.machine()) == ("cpython", "linux", "x86_64")
    compiles = shutil.which("cc") and os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
    alone = not any(map(from_outside, ("mpi4py", "petsc4py")))
    return "fits" if sys.version_info >= (3, 12) and machine and glibc >= [2, 34] and compiles and alone else "-"


dolfinx, numpy = "-", "-"
if from_outside("dolfinx"):
    dolfinx = version("fenics-dolfinx", "dolfinx-solver-real") or "?"
    numpy = (version("numpy") or "-").split(".")[0]
print("%d.%d" % sys.version_info[:2], dolfinx, numpy, "torch" if find_spec("torch") else "-", wheel())
PYTHON
}

sees_dolfinx() {
    local version dolfinx
    read -r version dolfinx _ <<<"$(facts "$@")"
    [ -n "$version" ] && [ "$dolfinx" != - ]
}

# Does the wheel of DOLFINx fit, or is it there?
takes_wheel() {
    local wheel
    read -r _ _ _ _ wheel <<<"$(facts "$@")"
    [ "$wheel" = fits ] || [ "$wheel" = installed ]
}

candidates() {
    if [ -n "${NHPINN_PYTHON:-}" ]; then
        command -v "$NHPINN_PYTHON" || true
        return
    fi
    if command -v apt-get >/dev/null && [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; fi
    type -ap python3 | grep -v "^$venv/" || true
}

python_with_dolfinx() {
    local python
    while read -r python; do
        if sees_dolfinx "$python" ensurepip pip; then echo "$python"; return; fi
    done < <(candidates)
    return 1
}

# The first Python that the wheel of DOLFINx fits: of the candidates, of the newer names on PATH, of pyenv.
python_for_wheel() {
    local python
    while read -r python; do
        if takes_wheel "$python" ensurepip; then echo "$python"; return; fi
    done < <(
        candidates
        if [ -z "${NHPINN_PYTHON:-}" ]; then
            type -ap python3.{12..19} || true
            ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/python3.1[2-9] 2>/dev/null || true
        fi
    )
    return 1
}

any_python() {
    local python
    while read -r python; do
        if facts "$python" ensurepip pip >/dev/null; then echo "$python"; return; fi
    done < <(candidates)
    return 1
}

# make_venv [dolfinx]: keeps the .venv that is there where it is whole (and sees or takes DOLFINx, where that is asked for).
make_venv() {
    local python options=(--system-site-packages)
    if [ ! -e "$venv/.unfinished" ] && facts "$venv/bin/python" pip >/dev/null; then
        if [ "${1:-}" != dolfinx ] || sees_dolfinx "$venv/bin/python" pip || takes_wheel "$venv/bin/python" pip; then return; fi
    fi
    python="$(python_with_dolfinx || { [ "${1:-}" = dolfinx ] && python_for_wheel; } || any_python)" || fail "No Python was found that can make a virtual environment: it must be 3.10 or newer and have venv and pip." \
        "  Debian, Ubuntu: apt-get install python3-venv (as root)" \
        "  elsewhere:      install Python from your system, python.org or conda; NHPINN_PYTHON=/path/to/python names one that is not on PATH"
    facts "$python" ensurepip >/dev/null || options+=(--without-pip) # its own pip serves .venv too
    say "set-up: .venv from $python"
    rm -rf "$venv"
    mkdir "$venv"
    touch "$venv/.unfinished"
    "$python" -m venv "${options[@]}" "$venv" || fail "$python could not make a virtual environment in $venv"
}

# pip_install QUIET EXTRAS REQUIREMENT...: this package with its extras, and what stands beside it.
pip_install() {
    local package="$root${2:+[$2]}"
    say "set-up: pip installs $package ${*:3} (once; torch is most of it)"
    "$venv/bin/python" -m pip install "$1" --editable "$package" "${@:3}"
}

pip_failed() {
    fail "pip could not install the package (see above)." \
        "  PIP_INDEX_URL and PIP_EXTRA_INDEX_URL name other package indexes, NHPINN_TORCH another torch (docs/install.md, \"CPU or CUDA\"); then run this again."
}

# install EXTRA: by pip, unless the stamp of the last time fits.
install() {
    local version dolfinx numpy torch wheel stamp start=$SECONDS quiet=--quiet extras= with_wheel=
    local requirements=()
    read -r version dolfinx numpy torch wheel <<<"$(facts "$venv/bin/python" pip)"
    if [ "$wheel" = fits ] || [ "$wheel" = installed ]; then with_wheel=dolfinx; fi
    stamp="$(cat "$root/pyproject.toml" "$root/examples/setup.sh" | cksum) $version $dolfinx $numpy $with_wheel ${NHPINN_TORCH:-}"
    if [ "$(cat "$venv/.done-$1" 2>/dev/null)" = "$stamp" ]; then return; fi

    if [ -n "${NHPINN_TORCH:-}" ]; then requirements+=("$NHPINN_TORCH"); elif [ "$torch" = - ]; then requirements+=("torch==2.13.0"); fi
    if [ "$numpy" != - ]; then requirements+=("numpy>=$numpy,<$((numpy + 1))"); fi
    if [ -t 1 ]; then quiet=--progress-bar=on; fi
    if [ "$1" = dev ]; then extras=dev; fi
    touch "$venv/.unfinished"
    if ! pip_install "$quiet" "$extras${extras:+${with_wheel:+,}}$with_wheel" ${requirements[@]+"${requirements[@]}"}; then
        [ "$1$with_wheel" = coredolfinx ] || pip_failed
        say "set-up: pip could not install DOLFINx with the rest (see above); once more without it, scikit-fem takes its place"
        with_wheel=
        pip_install "$quiet" "$extras" ${requirements[@]+"${requirements[@]}"} || pip_failed
    fi
    # As pip does with packages that are not editable: half a second of every command, where Python keeps no bytecode.
    "$venv/bin/python" -m compileall -q "$root/nhpinn_sym" || true
    echo "$stamp" >"$venv/.done-$1"
    if [ "$1" = dev ]; then echo "$stamp" >"$venv/.done-core"; fi
    rm "$venv/.unfinished"
    if [ -n "$with_wheel" ]; then dolfinx="from PyPI"; fi
    say "set-up: done in $((SECONDS - start)) s (Python $version, DOLFINx: $dolfinx)"
}

# set_up EXTRA [dolfinx]: EXTRA is "core" (what the package needs) or "dev" (and what its tests need). One set-up at a time.
set_up() {
    {
        if command -v flock >/dev/null; then flock 9; fi
        make_venv "${2:-}"
        settle
        install "$1"
    } 9<"$root"
    settle
}

# settle: what the programs of $venv need in their environment.
settle() {
    # DOLFINx 0.5 compiles without a flood of messages so; Python 3.12 has no such distutils any more.
    if [ -d "$venv/lib/python3.10" ] || [ -d "$venv/lib/python3.11" ]; then
        export SETUPTOOLS_USE_DISTUTILS=stdlib
    else
        unset SETUPTOOLS_USE_DISTUTILS
    fi
    # The wheel of DOLFINx brings its own MPI. On one machine these transports are enough, and those of a cloud host may end the process.
    if [ -x "$venv/bin/mpirun" ]; then
        export PATH="$venv/bin:$PATH" UCX_TLS="${UCX_TLS:-self,sm,tcp}"
    fi
}
