"""The text of the native engine: loss, gradient and Jacobian rows of a tanh net on a linear
residual in C++, fused and blocked for the cache.

A text depends on the derivatives in the residual only, so that different problems share a compiled
library; the coefficients reach it as numbers at the points.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...arrays import MultiIndex
from .tanh_taylor import Streams, TaylorTerm, adjoint, slopes

_FOLDER = Path(__file__).parent
# Read once: what calls a library is as old as its text.
_VECTORS = (_FOLDER / "simd.hpp").read_text()
_NET = (_FOLDER / "mlp_kernel.cpp").read_text()
ROWS = {
    "points": "long",
    "depth": "long",
    "equations": "long",
    "components": "long",
    "known": "long",
    "sizes": "const long*",
    "inputs": "const T*",
    "weights": "const T*",
    "extra": "const T*",
    "target": "const T*",
}
"""The struct that a library is given: the types of its fields, in their order."""


def kernel(chosen: Streams) -> str:
    """The whole file. REAL, double where it is not defined, is the type of all numbers; its
    functions are described where they stand.
    """
    return "\n".join(
        [
            _head(chosen),
            _VECTORS,
            _struct(),
            _tanh_jet(chosen),
            _tanh_adjoint(chosen),
            _stream_factor(chosen),
            _NET,
        ]
    )


def _head(chosen: Streams) -> str:
    listed = ", ".join(_index(chosen.indices[a]) for a in chosen.kept)
    joined = ", ".join(_index(chosen.indices[a]) for a in chosen.joined)
    if joined:
        last = (
            f"// Last stream: the sum of the derivatives {joined}, each times its weight at the"
            " point.\n"
        )
    else:
        last = ""
    return f"""// Loss, gradient and Jacobian rows of a tanh net, on a linear residual that holds
//   {", ".join(map(_index, chosen.indices))}.
// Streams, what is propagated through the layers: the derivatives {listed}.
{last}
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

constexpr int STREAMS = {chosen.count}, DERIVATIVES = {len(chosen.indices)};
"""


def _struct() -> str:
    fields = "".join(f"  {kind} {name};\n" for name, kind in ROWS.items())
    return f"""// inputs (STREAMS, points, sizes[0]): the streams of the inputs of the net;
// sizes (depth + 1): of the inputs and of the hidden layers;
// weights (points, equations, components, DERIVATIVES), extra (points, equations, known),
// target (points, equations).
struct Rows {{
{fields}}};
"""


def _tanh_jet(chosen: Streams) -> str:
    """h from z; f_k is the k-th derivative of tanh."""
    lines = [*_slopes(max((k for table in chosen.tables for k in table), default=0))]
    for s, table in enumerate(chosen.tables, 1):
        lines.append(
            f"h[{s}] = {_sum(f'f{k} * ({_sum(map(_term, terms))})' for k, terms in table.items())};"
        )
    return _function(
        "void tanh_jet([[maybe_unused]] const V* z, V* h, [[maybe_unused]] const T* w)",
        "The streams of h = tanh(z); w: the weights of the derivatives.",
        ["const V t = tanh(z[0]);", *lines, "h[0] = t;"],
    )


def _tanh_adjoint(chosen: Streams) -> str:
    """d_z from d_h, in place."""
    orders = [k for table in chosen.tables for k in table]
    # The adjoint of the value needs one derivative of tanh more than the jet.
    lines = _slopes(max(orders, default=0) + 1)
    seeds: dict[int, list[str]] = {}
    for s, table in enumerate(chosen.tables, 1):
        for k, terms in table.items():
            seeds.setdefault(k + 1, []).append(f"d[{s}] * ({_sum(map(_term, terms))})")
    found = adjoint(chosen.tables)
    higher = [f"f{k} * ({_sum(parts)})" for k, parts in sorted(seeds.items())]
    lines.append(f"const V d0 = {_sum(['f1 * d[0]', *higher])};")
    # In place: what is needed of d[b] later is read by stream b itself at the latest.
    for b in sorted(found):
        parts = [
            f"f{k} * ({_sum(_seeded(s, term) for s, term in terms)})"
            for k, terms in sorted(found[b].items())
        ]
        lines.append(f"d[{b}] = {_sum(parts)};")
    return _function(
        "void tanh_adjoint(V t, [[maybe_unused]] const V* z, V* d, [[maybe_unused]] const T* w)",
        "From the derivatives of a function by the streams of h = tanh(z) to those by the streams"
        " of z; t = h[0].",
        [*lines, "d[0] = d0;"],
    )


def _stream_factor(chosen: Streams) -> str:
    positions = ", ".join(map(str, (*chosen.kept, *([-1] if chosen.joined else []))))
    return _function(
        "T stream_factor(const T* w, int s)",
        "The factor of stream s in the residual.",
        [
            f"constexpr int POSITION[STREAMS] = {{{positions}}};",
            "return POSITION[s] < 0 ? T(1) : w[POSITION[s]];",
        ],
    )


def _slopes(order: int) -> list[str]:
    """f1, ..., f_order."""
    texts = [
        f"f1{' * t' if k % 2 == 0 else ''} * ({_horner(p)})" for k, p in enumerate(slopes(order), 1)
    ]
    return [
        f"const V f{k} = {'T(1) - t * t' if k == 1 else text};"
        for k, text in enumerate(texts[:order], 1)
    ]


def _horner(coefficients: list[int]) -> str:
    """A polynomial in f1."""
    *rest, text = [f"T({c})" for c in coefficients]
    for c in reversed(rest):
        text = f"{c} + f1 * ({text})"
    return text


def _term(term: TaylorTerm) -> str:
    factor, weight, numbers = term
    scalar = "" if weight is None else f"w[{weight}]"
    parts = [f"T({factor})" if factor != 1 else "", scalar, *(f"z[{b}]" for b in numbers)]
    return " * ".join(filter(None, parts)) or "T(1)"


def _seeded(stream: int, term: TaylorTerm) -> str:
    text = _term(term)
    if text == "T(1)":
        return f"d[{stream}]"
    return f"d[{stream}] * ({text})"


def _sum(texts: Iterable[str]) -> str:
    return " + ".join(texts)


def _function(head: str, summary: str, body: Iterable[str]) -> str:
    return "\n".join(
        [f"// {summary}", f"inline {head} {{", *(f"  {line}" for line in body), "}", ""]
    )


def _index(index: MultiIndex) -> str:
    return f"({', '.join(map(str, index))})"
