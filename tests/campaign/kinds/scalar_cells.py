"""Cell problems of -div(a grad u): laminates, thin features, waves of high order, products,
tensors, complex values.
"""

from __future__ import annotations

import math

import numpy as np

from ..case import CELLS, Draft, Random, kind
from ..oracles.bloch import tensor
from ..oracles.closed import disk_array, scalar_laminate
from ..oracles.spaces import Array, line, periodic_edges, plane
from ..profiles import (
    Profile,
    harmonic,
    layers,
    mean_over,
    place,
    positive,
    rounded,
    size,
    smooth,
    strip,
)

ALL = ("fourier", "skfem", "dolfinx", "")
FOUND = 'found = {"A": cells.effective["A"]}\nestimate = cells.info["estimate"]\n'


def cells_of(dim: int, coefficient: str, levels: str = "") -> str:
    """The text of a diffusion with this coefficient, solved on the cell."""
    return (
        f's = nh.Scales({dim}{levels})\nu = s.unknown("u")\n'
        f"a = {coefficient}\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(a*s.grad(u)), 1), scales=s, unknown=u)\n"
        + CELLS
        + FOUND
    )


def _means(profile: Profile) -> tuple[float, float]:
    """The harmonic and the arithmetic mean."""
    mean = mean_over(profile)
    return 1 / float(mean(lambda y: 1 / profile.value(y))), float(mean(profile.value))


@kind("cells/layers 1D", *ALL, "pinn")
def layers_1d(rng: Random) -> Draft:
    a = layers(rng)
    return Draft(cells_of(1, a.at("s.y[0]")), {"A": [[_means(a)[0]]]}, doubt=a.blur)


@kind("cells/profile 1D", *ALL, "pinn")
def profile_1d(rng: Random) -> Draft:
    a = positive(rng)
    return Draft(cells_of(1, a.at("s.y[0]")), {"A": [[_means(a)[0]]]}, doubt=a.blur)


@kind("cells/period 1D", *ALL)
def period_1d(rng: Random) -> Draft:
    """A cell of another length, that need not begin at 0."""
    a = positive(rng, shapes=False)
    start, length = rounded(rng.uniform(-1, 1), 3), rounded(rng.uniform(0.2, 7), 3)
    cell = f"cell = nh.Cell(({start}, {start + length}))\n"
    text = cells_of(1, a.at(f"((s.y[0] - {start})/{length})"))
    text = text.replace("problem =", cell + "problem =").replace(
        "unknown=u)", "unknown=u, cell=cell)"
    )
    return Draft(text, {"A": [[_means(a)[0]]]}, doubt=a.blur)


@kind("cells/strip 1D", *ALL)
def strip_1d(rng: Random) -> Draft:
    a = strip(rng)
    return Draft(cells_of(1, a.at("s.y[0]")), {"A": [[_means(a)[0]]]}, doubt=a.blur)


@kind("cells/layers 2D", *ALL, "pinn")
def layers_2d(rng: Random) -> Draft:
    a, axis = layers(rng), int(rng.integers(2))
    across, along = _means(a)
    diagonal = [along, along]
    diagonal[axis] = across
    return Draft(cells_of(2, a.at(f"s.y[{axis}]")), {"A": np.diag(diagonal)})


@kind("cells/profile 2D", *ALL)
def profile_2d(rng: Random) -> Draft:
    a, axis = positive(rng), int(rng.integers(2))
    across, along = _means(a)
    diagonal = [along, along]
    diagonal[axis] = across
    return Draft(cells_of(2, a.at(f"s.y[{axis}]")), {"A": np.diag(diagonal)}, doubt=a.blur)


@kind("cells/product 2D", *ALL)
def product_2d(rng: Random) -> Draft:
    """a(y1) b(y2): the harmonic mean along its own axis, the mean along the other."""
    a, b = positive(rng, 100), positive(rng, 100)
    (a_across, a_along), (b_across, b_along) = _means(a), _means(b)
    text = f"{a.at('s.y[0]')}*{b.at('s.y[1]')}"
    expected = {"A": np.diag([a_across * b_along, a_along * b_across])}
    return Draft(cells_of(2, text), expected, doubt=a.blur + b.blur)


@kind("cells/layers 3D", "fourier", "skfem", "")
def layers_3d(rng: Random) -> Draft:
    a, axis = layers(rng, 100), int(rng.integers(3))
    across, along = _means(a)
    diagonal = [along] * 3
    diagonal[axis] = across
    return Draft(cells_of(3, a.at(f"s.y[{axis}]")), {"A": np.diag(diagonal)})


def _tensor(rng: Random, profiles: tuple[Profile, Profile]) -> tuple[str, tuple[Array, Array]]:
    """P p(Y) + Q q(Y) with P, Q of positive symmetric part: text with Y, and the two matrices."""
    matrices = []
    for _ in profiles:
        skew = rng.uniform(-0.7, 0.7)
        root = rng.uniform(-1, 1, (2, 2))
        matrices.append(
            np.round(root @ root.T + np.eye(2) * 0.3 + skew * np.array([[0, 1], [-1, 0]]), 3)
        )
    parts = [f"sp.Matrix({m.tolist()})*({p.text})" for m, p in zip(matrices, profiles, strict=True)]
    return " + ".join(parts), (matrices[0], matrices[1])


@kind("cells/tensor layers 2D", *ALL)
def tensor_layers(rng: Random) -> Draft:
    """Tensors that are not symmetric, layered along an axis: the closed form of laminates."""
    p = positive(rng, 100) if rng.random() < 0.5 else layers(rng, 1e3)
    q = harmonic(rng, 5)
    text, (P, Q) = _tensor(rng, (p, q))
    axis = int(rng.integers(2))

    def entries(t: Array) -> Array:
        return p.value(t)[:, None, None] * P + q.value(t)[:, None, None] * Q

    expected = scalar_laminate(mean_over(p, q), entries, np.eye(2)[axis])
    return Draft(cells_of(2, Profile(text, p.value).at(f"s.y[{axis}]")), {"A": expected})


@kind("cells/oblique layers 2D", *ALL)
def oblique_layers(rng: Random) -> Draft:
    """Layers across the direction (m, n): one strip, two that may cross, or waves of m y1 + n y2."""
    m, n = [(1, 1), (1, -1), (2, 1), (1, 2), (3, 1)][int(rng.integers(5))]
    a = strip(rng, 100) if rng.random() < 0.5 else harmonic(rng, 12)
    if rng.random() < 0.4:
        b = strip(rng, 30)
        one = a
        a = one.combined(f"({one.text})*({b.text})", lambda y: one.value(y) * b.value(y), b)
    normal = np.array([m, n]) / math.hypot(m, n)
    across, along = _means(a)
    expected = along * np.eye(2) + (across - along) * np.outer(normal, normal)
    return Draft(cells_of(2, a.at(f"({m}*s.y[0] + {n}*s.y[1])")), {"A": expected})


@kind("cells/smooth 2D", *ALL)
def smooth_2d(rng: Random) -> Draft:
    """A tensor that is not symmetric, of waves in both variables: spectral elements."""
    p, q = smooth(rng, 2), smooth(rng, 2)
    depth = rounded(rng.uniform(0.1, 0.6))
    text = (
        f"sp.Matrix([[2, 0.5], [-0.3, 1]])*{p.at('(s.y[0] + s.y[1])')} + sp.eye(2)*{q.at('s.y[1]')}"
        f"*(1 + {depth}*sp.sin(2*sp.pi*s.y[0]))"
    )
    found = []
    for degree in (6, 8):
        lines = line(periodic_edges(pieces=4), degree)
        space = plane(lines, lines)
        y1, y2 = space.points.T
        scalar = q.value(y2) * (1 + depth * np.sin(2 * np.pi * y1))
        wave = p.value(y1 + y2)
        found.append(
            tensor(
                space, np.array([[2 * wave + scalar, 0.5 * wave], [-0.3 * wave, wave + scalar]])
            ).real
        )
    doubt = float(abs(found[0] - found[1]).max() / abs(found[1]).max())
    return Draft(cells_of(2, text), {"A": found[1]}, doubt=doubt)


@kind("cells/box 2D", *ALL, "pinn")
def box_2d(rng: Random) -> Draft:
    """A rectangle at a random place, as layers or as a polygon: spectral elements graded towards
    its corners.
    """
    low = np.round(rng.uniform(0.02, 0.5, 2), 4)
    high = np.round(low + rng.uniform(0.05, 0.45, 2), 4)
    value = size(rng, 1e3)
    lower, upper = low.tolist(), high.tolist()
    if rng.random() < 0.5:
        corners = [
            (lower[0], lower[1]),
            (upper[0], lower[1]),
            (upper[0], upper[1]),
            (lower[0], upper[1]),
        ]
        text = f"nh.phases(s, {{nh.Polygon({corners}): {value}}}, default=1)"
    else:
        text = (
            f"sp.Piecewise(({value}, (s.y[0] > {lower[0]}) & (s.y[0] < {upper[0]})"
            f" & (s.y[1] > {lower[1]}) & (s.y[1] < {upper[1]})), (1, True))"
        )
    found = [_box(low, high, value, least) for least in (3e-3, 3e-4)]
    return Draft(
        cells_of(2, text),
        {"A": found[1]},
        doubt=float(abs(found[0] - found[1]).max() / abs(found[1]).max()),
    )


def _box(low: Array, high: Array, value: float, least: float) -> Array:
    lines = []
    for a, b in zip(low, high, strict=True):
        marks = [(v, 2 * least) for v in (a, b)]
        lines.append(line(periodic_edges((a, b), marks, 3), 5))
    space = plane(*lines)
    inside = np.all((space.points > low) & (space.points < high), axis=1)
    return tensor(space, np.where(inside, value, 1.0))


@kind("cells/disk", *ALL, "pinn")
def disk(rng: Random) -> Draft:
    """One disk in a cell of 1 by `height`: Rayleigh's multipoles."""
    height = 1.0 if rng.random() < 0.6 else rounded(rng.uniform(0.6, 1.8), 2)
    radius, value = (
        rounded(rng.uniform(0.05, 0.45) * min(1.0, height)),
        size(rng, 1e8 if rng.random() < 0.3 else 1e3),
    )
    centre = (place(rng), rounded(height * place(rng)))
    cell = f"nh.Cell((0, 1), (0, {height}))"
    text = (
        f's = nh.Scales(2)\nu = s.unknown("u")\ncell = {cell}\n'
        f"a = nh.phases(s, {{nh.Disk({centre}, {radius}): {value}}}, default=1, cell=cell)\n"
        "problem = nh.MultiscaleProblem(sp.Eq(-s.div(a*s.grad(u)), 1), scales=s, unknown=u,\n"
        "    cell=cell)\n"
    )
    return Draft(text + CELLS + FOUND, {"A": np.diag(disk_array(radius, value, height))})


@kind("cells/diamond", *ALL)
def diamond(rng: Random) -> Draft:
    """A chessboard turned by 45 degrees: the geometric mean, by Keller and Dykhne."""
    value = size(rng, 100)
    shape = "nh.Polygon([(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)])"
    text = f"nh.phases(s, {{{shape}: {value}}}, default=1)"
    return Draft(cells_of(2, text), {"A": math.sqrt(value) * np.eye(2)})


@kind("cells/complex layers", *ALL)
def complex_layers(rng: Random) -> Draft:
    """Two profiles as real and imaginary part."""
    p, q = (
        (layers(rng, 100), harmonic(rng, 8))
        if rng.random() < 0.5
        else (positive(rng, 100), harmonic(rng, 8))
    )
    dim = int(rng.integers(1, 3))
    mean = mean_over(p, q)
    across = 1 / complex(mean(lambda y: 1 / (p.value(y) + 1j * q.value(y))))
    along = complex(mean(lambda y: p.value(y) + 1j * q.value(y)))
    expected = [[across]] if dim == 1 else np.diag([across, along])
    return Draft(cells_of(dim, f"{p.at('s.y[0]')} + sp.I*{q.at('s.y[0]')}"), {"A": expected})


@kind("cells/three scales", *ALL)
def three_scales(rng: Random) -> Draft:
    """p(y) + q(z) or p(y) q(z): the mean of a nested laminate, first over z, then over y."""
    dim = int(rng.integers(1, 3))
    p = layers(rng, 30) if rng.random() < 0.4 else harmonic(rng, 6)
    q = strip(rng, 30) if rng.random() < 0.4 else harmonic(rng, 6)
    product = bool(rng.random() < 0.5)
    text = f"{p.at('s.y[0]')}{'*' if product else ' + '}{q.at('s.z[0]')}"
    over_y, over_z = mean_over(p), mean_over(q)

    def both(y: Array, z: Array) -> Array:
        return p.value(y)[:, None] * q.value(z) if product else p.value(y)[:, None] + q.value(z)

    across = 1 / float(over_y(lambda y: over_z(lambda z: (1 / both(y, z)).T)))
    along = float(over_y(lambda y: over_z(lambda z: both(y, z).T)))
    expected = [[across]] if dim == 1 else np.diag([across, along])
    return Draft(cells_of(dim, text, ", levels=2"), {"A": expected})


@kind("cells/one phase", *ALL, "pinn")
def one_phase(rng: Random) -> Draft:
    """A homogeneous cell, two equal phases, a contrast of nearly one."""
    dim, value = int(rng.integers(1, 4)), size(rng)
    forms = [
        f"sp.Float({value}) + 0*s.y[0]",
        f"sp.Piecewise(({value}, s.y[0] < 0.3), ({value}, True))",
        f"nh.phases(s, {{nh.Layer(0, (0.2, 0.7)): {value}}}, default={value})",
        f"{value} + 1e-13*sp.cos(2*sp.pi*s.y[0])",
    ]
    return Draft(cells_of(dim, forms[int(rng.integers(len(forms)))]), {"A": value * np.eye(dim)})
