"""Jets: the derivatives of functions at given points, and their arithmetic.

A jet is {multi-index a: D^a f}. Its keys are closed under <= and stand in an order in which smaller
multi-indices come first; the values are tensors over the points, to which axes of features or of
outputs may be appended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from ..arrays import MultiIndex

Jet = dict[MultiIndex, torch.Tensor]


def below(index: MultiIndex) -> list[MultiIndex]:
    """All multi-indices <= index, in lexicographic order."""
    found: list[MultiIndex] = [()]
    for order in index:
        found = [(*head, k) for head in found for k in range(order + 1)]
    return found


def minus(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    """a - b, which may have negative entries."""
    return tuple(m - n for m, n in zip(a, b))


def binomial(a: MultiIndex, b: MultiIndex) -> int:
    """The product of the binomial coefficients of the entries."""
    return math.prod(math.comb(m, n) for m, n in zip(a, b))


def times(c: torch.Tensor | float, v: torch.Tensor) -> torch.Tensor:
    """c v, where v may have feature axes behind the axes of c."""
    if isinstance(c, torch.Tensor) and 0 < c.ndim < v.ndim:
        c = c.reshape(c.shape + (1,) * (v.ndim - c.ndim))
    return c * v


def total(terms: list[torch.Tensor]) -> torch.Tensor:
    """The sum of at least one tensor."""
    value = terms[0]
    for term in terms[1:]:
        value = value + term
    return value


def combine(coefficients: Mapping[MultiIndex, torch.Tensor | float], d: Jet) -> torch.Tensor:
    """sum_a c_a D^a."""
    return total([times(c, d[a]) for a, c in coefficients.items()])


def leibniz(f: Jet, g: Jet, a: MultiIndex, rest: MultiIndex) -> torch.Tensor:
    """sum_b binomial(rest, b) D^b f D^(a - b) g over b <= rest: D^a (f g) where rest = a. g may
    have feature axes behind those of f.
    """
    terms = [(binomial(rest, b), times(f[b], g[minus(a, b)])) for b in below(rest)]
    return total([term if factor == 1 else factor * term for factor, term in terms])


def full(points: torch.Tensor, value: torch.Tensor | float) -> torch.Tensor:
    """`value` at every point, a constant too."""
    return torch.as_tensor(value, dtype=points.dtype, device=points.device).expand(
        points.shape[:-1]
    )


def stack(points: torch.Tensor, *values: torch.Tensor | float) -> torch.Tensor:
    """`values` along a new last axis."""
    if values:
        return torch.stack([full(points, value) for value in values], -1)
    return points.new_zeros(*points.shape[:-1], 0)


def averaged(value: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The mean over the last axis, or the sum with weights."""
    if weights is None:
        return value.mean(-1)
    return (weights * value).sum(-1)


def column(d: Jet, j: int) -> Jet:
    """The jet of output j of a net."""
    return {a: value[..., j] for a, value in d.items()}


def columns(d: Jet, k: int, components: int) -> Jet:
    """The jets of the components of function k: the outputs of a net are ordered by function, then
    by component.
    """
    return {a: value[..., k * components : (k + 1) * components] for a, value in d.items()}


def system(
    tables: dict[tuple[int, int], dict[MultiIndex, torch.Tensor | float]], d: Jet, components: int
) -> torch.Tensor:
    """The left-hand sides of equation i, sum_j of the operator tables[i, j] on component j; ordered
    as the outputs: by function, then by equation.
    """
    parts = [{a: value[..., j::components] for a, value in d.items()} for j in range(components)]
    rows = [
        total([combine(table, parts[j]) for (i, j), table in tables.items() if i == row])
        for row in range(components)
    ]
    return torch.stack(rows, -1).flatten(-2)


def add(f: Jet, g: Jet) -> Jet:
    """The jet of f + g, for the keys of g."""
    return {a: f[a] + value for a, value in g.items()}


def product(f: Jet, g: Jet) -> Jet:
    """The jet of f g; g may have feature axes behind those of f."""
    return {a: leibniz(f, g, a, a) for a in g}


def tanh(z: Jet) -> Jet:
    """The jet of t = tanh(z): D_i t = (1 - t^2) D_i z, and Leibniz' rule for both products (Faa di
    Bruno's formula as a recursion).
    """
    t: Jet = {}
    slope: Jet = {}  # the jet of 1 - t^2
    for a, value in z.items():
        # One derivative is taken off, whichever: the others come by Leibniz' rule.
        axis = next((i for i, order in enumerate(a) if order), None)
        if axis is None:
            t[a] = torch.tanh(value)
            slope[a] = 1 - t[a] * t[a]
            continue
        t[a] = leibniz(slope, z, a, (*a[:axis], a[axis] - 1, *a[axis + 1 :]))
        if any((*a[:i], a[i] + 1, *a[i + 1 :]) in z for i in range(len(a))):
            slope[a] = -square(t, a)
    return t


def square(f: Jet, a: MultiIndex) -> torch.Tensor:
    """D^a f^2, where equal terms of Leibniz' rule are computed once."""
    terms = []
    for b in below(a):
        rest = minus(a, b)
        if b < rest:
            terms.append(2 * binomial(a, b) * f[b] * f[rest])
        elif b == rest:
            terms.append(binomial(a, b) * f[b] * f[rest])
    return total(terms)


def linear(z: Jet, weight: torch.Tensor, bias: torch.Tensor) -> Jet:
    """The jet of W z + b: all derivatives in one matrix product."""
    stacked = torch.stack(list(z.values())) @ weight.T
    return {a: value if any(a) else value + bias for a, value in zip(z, stacked)}
