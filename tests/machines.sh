#!/usr/bin/env bash
# Runs the tests as on other processors: the libraries are told, by their environment variables, to use older instructions, which sum in
# another order, round otherwise (with and without fused multiplication) and take other kernels. What this processor lacks is not run.
#
#   bash tests/machines.sh [--all] [NAME...] [-- ARGUMENT...]
#
# --all: the whole suite; default: the tests whose numbers can depend on the processor. NAME: of the table below, such as haswell-2;
# default: all. ARGUMENTs go to pytest; where they name tests, those are run alone. The logs are in out/machines/; exit code 1 where a test failed. tests/run.sh sets .venv up.
#
# Variables of the same names that are set already (some machines set OPENBLAS_CORETYPE) are taken away first. What no variable reaches:
# the C++ kernels of nets are compiled for this processor.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"
cd "$root"

# name; flags of /proc/cpuinfo; ATEN_CPU_CAPABILITY; MKL_ENABLE_INSTRUCTIONS; ONEDNN_MAX_CPU_ISA; OPENBLAS_CORETYPE; features that NumPy
# leaves out (a pattern of their names), and the C library
machines=(
    "native;;;;;;;"
    "prescott;sse4_2;default;SSE4_2;SSE41;Prescott;.;-AVX,-AVX2,-FMA,-FMA4,-AVX512F"
    "haswell;avx2 fma;avx2;AVX2;AVX2;Haswell;AVX512|X86_V4;-AVX512F"
    "zen;avx2 fma;avx2;AVX2;AVX2;Zen;AVX512|X86_V4;-AVX512F"
    "skylakex;avx512f avx512bw avx512cd avx512dq avx512vl;avx512;AVX512;AVX512_CORE;SkylakeX;AVX512_(CLX|CNL|ICL|SPR);"
)
numerical=(tests/solve tests/emit tests/validate tests/examples tests/derive tests/lower)
own=(ATEN_CPU_CAPABILITY MKL_ENABLE_INSTRUCTIONS ONEDNN_MAX_CPU_ISA OPENBLAS_CORETYPE NPY_DISABLE_CPU_FEATURES GLIBC_TUNABLES
    OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS)

part=("${numerical[@]}")
asked=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case "$1" in
    --all) part=(tests) ;;
    -*) fail "no option $1; see the first lines of tests/machines.sh" ;;
    *) asked+=("$1") ;;
    esac
    shift
done
if [ $# -gt 0 ]; then shift; fi
[ -x "$venv/bin/python" ] || fail "There is no .venv yet: bash tests/run.sh sets it up."
settle
unset "${own[@]}"

# lacking FLAG...: those that no processor here has.
lacking() {
    local flag flags
    flags=" $(grep -m 1 '^flags' "${NHPINN_CPUINFO:-/proc/cpuinfo}" | cut -d : -f 2-) "
    for flag in "$@"; do [[ "$flags" == *" $flag "* ]] || printf '%s ' "$flag"; done
}

# numpy_features PATTERN: those whose code NumPy chooses at run time here and whose names match.
numpy_features() {
    "$venv/bin/python" - "$1" <<'PYTHON'
import re
import sys

import numpy as np

core = (getattr(np, "_core", None) or np.core)._multiarray_umath
print(*[name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name) and re.match(sys.argv[1], name)])
PYTHON
}

# run NAME THREADS VARIABLE=VALUE...: the tests, with these variables.
run() {
    local log="out/machines/$1.log" begin=$SECONDS code result
    mkdir -p out/machines
    say "$1: ${*:3}"
    env OMP_NUM_THREADS="$2" MKL_NUM_THREADS="$2" OPENBLAS_NUM_THREADS="$2" "${@:3}" \
        "$venv/bin/python" -m pytest -n auto --dist loadfile -q ${part[@]+"${part[@]}"} ${arguments[@]+"${arguments[@]}"} >"$log" 2>&1
    code=$?
    result="$(tail -n 1 "$log")"
    grep -E '^(FAILED|ERROR)' "$log"
    if [ $code != 0 ]; then failed=1; fi
    table+=("$(printf '%-12s %5d s  %s' "$1" "$((SECONDS - begin))" "$result")")
}

failed=0
table=()
known=()
arguments=("$@")
for argument in "$@"; do
    if [[ "$argument" == tests/* ]]; then part=(); fi
done
for machine in "${machines[@]}"; do
    IFS=';' read -r name flags aten mkl onednn openblas numpy libc <<<"$machine"
    read -ra needed <<<"$flags"
    missing="$(lacking ${needed[@]+"${needed[@]}"})"
    for threads in 1 2; do
        known+=("$name-$threads")
        if [ ${#asked[@]} -gt 0 ] && [[ " ${asked[*]} " != *" $name-$threads "* ]]; then continue; fi
        if [ -n "$missing" ]; then
            table+=("$(printf '%-12s %7s  %s' "$name-$threads" - "not run: this processor lacks $missing")")
            continue
        fi
        variables=()
        if [ -n "$aten" ]; then
            variables=(ATEN_CPU_CAPABILITY="$aten" MKL_ENABLE_INSTRUCTIONS="$mkl" ONEDNN_MAX_CPU_ISA="$onednn" OPENBLAS_CORETYPE="$openblas"
                NPY_DISABLE_CPU_FEATURES="$(numpy_features "$numpy")" GLIBC_TUNABLES="${libc:+glibc.cpu.hwcaps=$libc}")
        fi
        run "$name-$threads" "$threads" ${variables[@]+"${variables[@]}"}
    done
done
for name in ${asked[@]+"${asked[@]}"}; do
    [[ " ${known[*]} " == *" $name "* ]] || fail "no processor $name in the table: ${known[*]}"
done

printf '\n%s\n' "$(grep -m 1 '^model name' "${NHPINN_CPUINFO:-/proc/cpuinfo}" | cut -d : -f 2-), tests: ${part[*]-} ${arguments[*]-}"
printf '%s\n' "${table[@]}"
exit $failed
