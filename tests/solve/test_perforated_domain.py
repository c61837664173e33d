"""Fine problems around the holes of many cells."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.solve.domains import quadrature_rule
from nhpinn_sym.solve.perforated_domain import around_holes

S = nh.Scales(2)
U = S.unknown("u")
EPS = sp.Rational(1, 2)
SIDES = ("left", "right", "bottom", "top")
X = S.x[0]


def problem(center: Any, held: Any, **options: Any) -> nh.MultiscaleProblem:
    given = {
        "domain": nh.Box((0, 1), (0, 1)),
        "boundary": [nh.Dirichlet(X)],
        "holes": {nh.Disk(center, 0.3): held},
    }
    return nh.MultiscaleProblem(
        (-S.laplacian(U), 1 + X), scales=S, unknown=U, **{**given, **options}
    )


def with_region(first: nh.MultiscaleProblem, center: Any, held: Any) -> nh.MultiscaleProblem:
    """The same at eps = 1/2, every hole cut out as a shape of its own: another mesher."""
    shape: Any = first.domain
    for shift in product(range(3), repeat=2):
        place = [(sp.nsimplify(c) + k) * EPS for c, k in zip(center, shift)]
        shape = shape - nh.Disk(place, sp.nsimplify(0.3) * EPS)
    sides = [nh.Dirichlet(X, on=list(SIDES)), held]
    return first.replaced(domain=shape, boundary=sides, holes=None)


def apart(one: nh.Solution, other: nh.Solution, first: nh.MultiscaleProblem, eps: Any) -> float:
    """The relative L2 difference on the solid."""
    domain = around_holes(first, eps).domain
    assert domain is not None
    rule = quadrature_rule(domain, (32, 32), 3).inside()
    own = one(rule.points)
    return rule.relative(own - other(rule.points), own)


@pytest.mark.parametrize(
    ("center", "held", "there", "backend"),
    [
        ((0.5, 0.5), nh.Dirichlet(0), nh.Dirichlet(0, on="rest"), "dolfinx"),
        ((0, 0), nh.Robin(2 * S.eps, S.eps * X), nh.Robin(1, X / 2, on="rest"), "dolfinx"),
        ((0.2, 0.5), nh.Neumann(0), nh.Neumann(0, on="rest"), "skfem"),
    ],
)
def test_every_hole_cut_out_by_itself_gives_the_same(
    center: Any, held: Any, there: Any, backend: str
) -> None:
    first = problem(center, held)
    fine = nh.solve_fine(first, EPS, backend)
    other = nh.solve_fine(with_region(first, center, there), EPS, "skfem", mesh=10)
    found = apart(fine, other, first, EPS)
    assert found < 1e-4
    assert found < fine.info["estimate"] + other.info["estimate"]


def test_validate_compares_on_the_solid() -> None:
    first = problem((0.5, 0.5), nh.Robin(S.eps, S.eps), boundary=[nh.Dirichlet(0)])
    first = first.replaced((-S.laplacian(U), 1))
    report = nh.validate(first, eps=EPS, fem="skfem")
    assert report.verdict.name == "AGREEMENT"
    # By solutions apart from it, on the triangles of the solid.
    model = nh.homogenize(first)
    u0 = nh.solve_homogenized(model, nh.solve_cells(model, "skfem"), "skfem", tolerance=1e-4)
    there = apart(nh.solve_fine(first, EPS), u0, first, EPS)
    assert np.isclose(report.errors["e4"], there, rtol=1e-2)


def test_a_box_may_begin_anywhere_in_a_cell() -> None:
    box = nh.Box((0.1, 1.1), (0, 1))
    first = problem((0.3, 0.5), nh.Neumann(0), domain=box, cell=nh.Cell((-0.5, 0.5), (0, 1)))
    domain: Any = around_holes(first, EPS).domain
    domain.mesh.check()
    assert domain.bounds == box.bounds
    assert np.isclose(domain.mesh.volumes.sum(), 1 - 0.09 * np.pi, rtol=1e-5)
    # Ends of edges at the holes lie on circles of the radius eps R, around images of the centre.
    shares = (domain.mesh.points[domain.mesh.facets_on("hole0")] / 0.5 - [0.3, 0.5]) % 1
    shares = np.minimum(shares, 1 - shares)
    assert np.allclose(np.linalg.norm(shares[:, :2], axis=-1), 0.3, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "more", "text"),
    [
        ({"domain": nh.Box((0, 1), (0, sp.sqrt(2)))}, {}, "a box that cuts cells"),
        ({"boundary": [nh.Periodic()]}, {}, "periodic faces"),
        ({"domain": nh.Disk((0, 0), 1)}, {}, "no box"),
        ({}, {"backend": "pinn"}, "by a net"),
        ({"holes": {nh.Disk((0, 0), 0.3): nh.Dirichlet(0)}}, {}, "at something else"),
        ({"holes": {nh.Disk((0.5, 0.5), 0.5): nh.Neumann(0)}}, {}, "touch, or nearly"),
    ],
)
def test_refused(options: dict[str, Any], more: dict[str, Any], text: str) -> None:
    with pytest.raises(nh.NhpinnError, match=text):
        nh.solve_fine(problem((0.5, 0.5), nh.Neumann(0), **options), EPS, **more)
