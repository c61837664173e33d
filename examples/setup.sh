# Makes the project's one .venv, for examples/quickstart.sh and tests/run.sh, which source this file.
#
# What a user may set:
#   NHPINN_PYTHON    the Python that .venv is made from; default: the first that sees DOLFINx, else the first that can make one
#   NHPINN_TORCH     a requirement such as "torch==2.13.0"; default: the torch that is there, else that one
#   PIP_INDEX_URL, PIP_EXTRA_INDEX_URL    as pip reads them; for a CPU-only torch on Linux, the address that PyTorch gives for CPU builds
#
# .venv sees the packages of its Python, because DOLFINx comes from a system's packages or from conda, never from pip.
# Each finished set-up leaves a stamp; nothing is done while the stamp fits, and everything again where a set-up did not finish.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 MPLBACKEND=Agg PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '== %s\n' "$*"; }
fail() { printf '%s\n' "$@" >&2; exit 4; }

# facts PYTHON MODULE...: "PYTHON_VERSION DOLFINX_VERSION NUMPY_MAJOR TORCH", "-" for what is absent; NumPy's is the one that DOLFINx was
# built for. Fails for a Python that is too old or has none of the MODULEs (pip to be a .venv, ensurepip or pip to make one).
facts() {
    "$1" - "${@:2}" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import distributions
from importlib.util import find_spec

if sys.version_info < (3, 10) or find_spec("venv") is None or not any(map(find_spec, sys.argv[1:])):
    sys.exit(1)
outside = [p for p in sys.path if sys.prefix == sys.base_prefix or not p.startswith(sys.prefix)]
dolfinx, numpy = "-", "-"
if find_spec("dolfinx") is not None:
    dolfinx = next((d.version for d in distributions(name="fenics-dolfinx")), "?")
    numpy = next((d.version.split(".")[0] for d in distributions(name="numpy", path=outside)), "-")
print("%d.%d" % sys.version_info[:2], dolfinx, numpy, "torch" if find_spec("torch") else "-")
PYTHON
}

sees_dolfinx() {
    local version dolfinx
    read -r version dolfinx _ <<<"$(facts "$@")"
    [ -n "$version" ] && [ "$dolfinx" != - ]
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

any_python() {
    local python
    while read -r python; do
        if facts "$python" ensurepip pip >/dev/null; then echo "$python"; return; fi
    done < <(candidates)
    return 1
}

# make_venv [dolfinx]: keeps the .venv that is there where it is whole (and sees DOLFINx, where that is asked for).
make_venv() {
    local python options=(--system-site-packages)
    if [ ! -e "$venv/.unfinished" ] && facts "$venv/bin/python" pip >/dev/null; then
        if [ "${1:-}" != dolfinx ] || sees_dolfinx "$venv/bin/python" pip; then return; fi
    fi
    python="$(python_with_dolfinx || any_python)" || fail "No Python was found that can make a virtual environment: it must be 3.10 or newer and have venv and pip." \
        "  Debian, Ubuntu: apt-get install python3-venv (as root)" \
        "  elsewhere:      install Python from your system, python.org or conda; NHPINN_PYTHON=/path/to/python names one that is not on PATH"
    facts "$python" ensurepip >/dev/null || options+=(--without-pip) # its own pip serves .venv too
    say "set-up: .venv from $python"
    rm -rf "$venv"
    mkdir "$venv"
    touch "$venv/.unfinished"
    "$python" -m venv "${options[@]}" "$venv" || fail "$python could not make a virtual environment in $venv"
}

# install EXTRA: by pip, unless the stamp of the last time fits.
install() {
    local version dolfinx numpy torch stamp start=$SECONDS quiet=--quiet
    local requirements=(--editable "$root")
    read -r version dolfinx numpy torch <<<"$(facts "$venv/bin/python" pip)"
    stamp="$(cat "$root/pyproject.toml" "$root/examples/setup.sh" | cksum) $version $dolfinx $numpy ${NHPINN_TORCH:-}"
    if [ "$(cat "$venv/.done-$1" 2>/dev/null)" = "$stamp" ]; then return; fi

    if [ "$1" = dev ]; then requirements=(--editable "$root[dev]"); fi
    if [ -n "${NHPINN_TORCH:-}" ]; then requirements+=("$NHPINN_TORCH"); elif [ "$torch" = - ]; then requirements+=("torch==2.13.0"); fi
    if [ "$numpy" != - ]; then requirements+=("numpy>=$numpy,<$((numpy + 1))"); fi
    if [ -t 1 ]; then quiet=--progress-bar=on; fi
    say "set-up: pip installs ${requirements[*]:1} (once; torch is most of it)"
    touch "$venv/.unfinished"
    "$venv/bin/python" -m pip install "$quiet" "${requirements[@]}" || fail "pip could not install the package (see above)." \
        "  PIP_INDEX_URL and PIP_EXTRA_INDEX_URL name other package indexes, NHPINN_TORCH another torch (README.md, \"CPU or CUDA\"); then run this again."
    echo "$stamp" >"$venv/.done-$1"
    if [ "$1" = dev ]; then echo "$stamp" >"$venv/.done-core"; fi
    rm "$venv/.unfinished"
    say "set-up: done in $((SECONDS - start)) s (Python $version, DOLFINx $dolfinx)"
}

# set_up EXTRA [dolfinx]: EXTRA is "core" (what the package needs) or "dev" (and what its tests need). One set-up at a time.
set_up() {
    {
        if command -v flock >/dev/null; then flock 9; fi
        make_venv "${2:-}"
        install "$1"
    } 9<"$root"
    # DOLFINx 0.5 compiles without a flood of messages so; Python 3.12 has no such distutils any more.
    if [ -d "$venv/lib/python3.10" ] || [ -d "$venv/lib/python3.11" ]; then export SETUPTOOLS_USE_DISTUTILS=stdlib; fi
}
