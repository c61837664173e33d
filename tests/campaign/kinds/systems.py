"""Systems: layers of elastic materials and of coupled fields, by the closed form of laminates."""

from __future__ import annotations

import numpy as np

from ..case import CELLS, Draft, Random, kind
from ..oracles.closed import laminate
from ..oracles.spaces import Array
from ..profiles import harmonic, layers, mean_over, positive, rounded

ALL = ("fourier", "skfem", "dolfinx", "")
FOUND = 'found = {"A": cells.effective["A"]}\nestimate = cells.info["estimate"]\n'


@kind("systems/elastic layers", *ALL, "pinn")
def elastic(rng: Random) -> Draft:
    """Isotropic layers in plane strain across an axis."""
    p = layers(rng, 100) if rng.random() < 0.5 else positive(rng, 50)
    q = harmonic(rng, 5)
    axis = int(rng.integers(2))
    one = np.eye(2)
    first = np.einsum("ik,jl->ikjl", one, one)
    second = np.einsum("ij,kl->ikjl", one, one) + np.einsum("il,kj->ikjl", one, one)

    def entries(t: Array) -> Array:
        return (
            q.value(t)[:, None, None, None, None] * first
            + p.value(t)[:, None, None, None, None] * second
        )

    expected = laminate(mean_over(p, q), entries, one[axis])
    text = (
        's = nh.Scales(2)\nv = s.unknown("v", components=2)\ne = s.sym_grad(v)\n'
        f"lam, mu = {q.at(f's.y[{axis}]')}, {p.at(f's.y[{axis}]')}\n"
        "stress = lam*e.trace()*sp.eye(2) + 2*mu*e\n"
        "load = sp.Matrix([0, -1])\n"
        "problem = nh.MultiscaleProblem((-s.div(stress), load), scales=s, unknown=v)\n"
    )
    return Draft(text + CELLS + FOUND, {"A": expected})


@kind("systems/coupled layers", *ALL)
def coupled(rng: Random) -> Draft:
    """Two fields with a matrix of diffusions that is not symmetric."""
    p, q = layers(rng, 30) if rng.random() < 0.5 else positive(rng, 30), harmonic(rng, 5)
    root = rng.uniform(-1, 1, (2, 2))
    P = np.round(root @ root.T + np.eye(2) * 0.4, 3)
    Q = np.round(np.array([[1.0, 0.3], [-0.3, 1.0]]) * rounded(rng.uniform(0.5, 2)), 4)

    def entries(t: Array) -> Array:
        matrix = p.value(t)[:, None, None] * P + q.value(t)[:, None, None] * Q
        return matrix[:, :, None, :, None]

    expected = laminate(mean_over(p, q), entries, np.array([1.0]))
    rows = []
    for i in range(2):
        flux = " + ".join(
            f"({P[i, j]}*p + {Q[i, j]}*q)*s.grad({name})" for j, name in enumerate("uv")
        )
        rows.append(f"sp.Eq(-s.div({flux}), 1)")
    text = (
        's = nh.Scales(1)\nu, v = s.unknown("u"), s.unknown("v")\n'
        f"p, q = {p.at('s.y[0]')}, {q.at('s.y[0]')}\n"
        f"problem = nh.MultiscaleProblem([{', '.join(rows)}], scales=s, unknown=[u, v])\n"
    )
    return Draft(text + CELLS + FOUND, {"A": expected})
