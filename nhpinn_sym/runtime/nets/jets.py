"""Jets of tanh networks in torch: the part of every emitted torch file that does not depend on the
problem.

Everything below the mark is copied verbatim to the end of the emitted files.
"""

from __future__ import annotations

import math

import torch

# ======== jets ========
# A jet holds the derivatives of a function at given points: {multi-index a: D^a f}. Its keys are
# closed under <= and stand
# in an order in which smaller multi-indices come first. A net is a list of layers (weight, bias):
# tanh between, linear last.
MultiIndex = tuple[int, ...]
Jet = dict[MultiIndex, torch.Tensor]
Layers = list[tuple[torch.Tensor, torch.Tensor]]
Axes = tuple[tuple[str, float, float], ...]
GRADE = 100.0


def below(index: MultiIndex) -> list[MultiIndex]:
    """All multi-indices <= index, in lexicographic order."""
    found: list[MultiIndex] = [()]
    for order in index:
        found = [(*head, k) for head in found for k in range(order + 1)]
    return found


def minus(a: MultiIndex, b: MultiIndex) -> MultiIndex:
    return tuple(m - n for m, n in zip(a, b))


def binomial(a: MultiIndex, b: MultiIndex) -> int:
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


def combine(coefficients: dict[MultiIndex, torch.Tensor | float], d: Jet) -> torch.Tensor:
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
    return (
        torch.stack([full(points, value) for value in values], -1)
        if values
        else points.new_zeros(*points.shape[:-1], 0)
    )


def averaged(value: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The mean over the last axis, or the sum with weights."""
    return value.mean(-1) if weights is None else (weights * value).sum(-1)


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
        axis = next((i for i, order in enumerate(a) if order), None)
        if axis is None:
            t[a] = torch.tanh(value)
            slope[a] = 1 - t[a] * t[a]
            continue
        t[a] = leibniz(slope, z, a, (*a[:axis], a[axis] - 1, *a[axis + 1 :]))
        if any((*a[:i], a[i] + 1, *a[i + 1 :]) in z for i in range(len(a))):
            slope[a] = -total(
                [
                    (1 if b == minus(a, b) else 2) * binomial(a, b) * t[b] * t[minus(a, b)]
                    for b in below(a)
                    if b <= minus(a, b)
                ]
            )
    return t


def linear(z: Jet, weight: torch.Tensor, bias: torch.Tensor) -> Jet:
    """The jet of W z + b: all derivatives in one matrix product."""
    stacked = torch.stack(list(z.values())) @ weight.T
    return {a: value if any(a) else value + bias for a, value in zip(z, stacked)}


def embed(points: torch.Tensor, indices: tuple[MultiIndex, ...], axes: Axes) -> Jet:
    """The inputs of the net, one axis (kind, a, b) per column of `points`: "periodic" gives cos and
    sin of 2 pi (p - a)/(b - a),
    "scaled" maps (a, b) to (-1, 1), "graded" too but by a logarithm that stretches the start (a, a
    + (b - a)/GRADE).

    Columns beyond the length of a multi-index are not differentiated.
    """
    jet: Jet = {}
    for index in indices:
        columns = []
        for i, axis in enumerate(axes):
            order = index[i] if i < len(index) else 0
            values = embed_axis(points[..., i], order, *axis)
            columns += (
                values if sum(index) == order else [torch.zeros_like(value) for value in values]
            )
        jet[index] = torch.stack(columns, -1)
    return jet


def embed_axis(p: torch.Tensor, order: int, kind: str, a: float, b: float) -> list[torch.Tensor]:
    """The derivatives of one order of the inputs that one coordinate makes."""
    if kind == "periodic":
        omega = 2 * math.pi / (b - a)
        phase = omega * (p - a) + order * math.pi / 2
        return [omega**order * torch.cos(phase), omega**order * torch.sin(phase)]
    if kind == "graded":
        rate, size = GRADE / (b - a), 2 / math.log1p(GRADE)
        if order == 0:
            return [size * torch.log1p(rate * (p - a)) - 1]
        return [
            size
            * (-1) ** (order - 1)
            * math.factorial(order - 1)
            * (rate / (1 + rate * (p - a))) ** order
        ]
    if order == 0:
        return [(2 * p - a - b) / (b - a)]
    return [torch.full_like(p, 2 / (b - a) if order == 1 else 0.0)]


def hidden(
    points: torch.Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
) -> Jet:
    """The jet of the features: the output of the tanh layers, (..., features)."""
    z = embed(points, indices, axes)
    for weight, bias in layers:
        z = tanh(linear(z, weight, bias))
    return z


def network(
    points: torch.Tensor, layers: Layers, indices: tuple[MultiIndex, ...], axes: Axes
) -> Jet:
    """The jet of the net, (..., outputs)."""
    return linear(hidden(points, layers[:-1], indices, axes), *layers[-1])


def spread(unit: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Points of the box from points of the unit cube, uniform in the scaled or stretched coordinate
    of each axis.
    """
    columns = []
    for i, (kind, a, b) in enumerate(axes):
        part = (
            torch.expm1(unit[..., i] * math.log1p(GRADE)) / GRADE
            if kind == "graded"
            else unit[..., i]
        )
        columns.append(a + (b - a) * part)
    return torch.stack(columns, -1)


def features(
    count: int, axes: Axes, scale: float | tuple[float, ...] = 0.7, seed: int = 0
) -> Layers:
    """A random hidden layer for a least-squares fit of the last layer alone: weights N(0, scale^2),
    one scale or one per axis,
    and biases by which every feature changes sign at a random point of the box.
    """
    generator = torch.Generator().manual_seed(seed)
    scales = scale if isinstance(scale, tuple) else (scale,) * len(axes)
    deviation = torch.tensor(
        [s for s, axis in zip(scales, axes) for _ in range(inputs((axis,)))], dtype=torch.float64
    )
    weight = deviation * torch.randn(
        count, len(deviation), generator=generator, dtype=torch.float64
    )
    zero = (0,) * len(axes)
    centre = embed(
        spread(torch.rand(count, len(axes), generator=generator, dtype=torch.float64), axes),
        (zero,),
        axes,
    )[zero]
    return [(weight, -(weight * centre).sum(-1))]


def mlp(width: int, depth: int, outputs: int, axes: Axes, seed: int = 0) -> Layers:
    """The layers of a net with `depth` tanh layers, Xavier weights and zero biases, ready for
    training.
    """
    generator, sizes = (
        torch.Generator().manual_seed(seed),
        [inputs(axes), *[width] * depth, outputs],
    )
    layers = []
    for m, n in zip(sizes, sizes[1:]):  # noqa: RUF007 (imports torch and math only)
        weight = math.sqrt(2 / (m + n)) * torch.randn(
            n, m, generator=generator, dtype=torch.float64
        )
        layers.append(
            (weight.requires_grad_(), torch.zeros(n, dtype=torch.float64, requires_grad=True))
        )
    return layers


def inputs(axes: Axes) -> int:
    """How many inputs the net has."""
    return sum(2 if kind == "periodic" else 1 for kind, _, _ in axes)
