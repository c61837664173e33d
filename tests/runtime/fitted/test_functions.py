from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import skfem
from skfem.helpers import dot, grad

from nhpinn_sym.runtime.fem_skfem.fitted_space import FittedSpace, skfem_simplices
from nhpinn_sym.runtime.fitted.elements import places_of
from nhpinn_sym.runtime.fitted.functions import FittedMesh, SimplexFunction, SimplexRule
from tests.runtime.fitted.samples import HEXAGONAL, bent_tetrahedra, mesh_of

SHEARED = np.array([[1.0, 0.0, 0.0], [0.5, 0.9, 0.0], [0.2, 0.3, 0.8]])


def mesh() -> FittedMesh:
    return FittedMesh(mesh_of([((0.0, 0.3), 0.3)], 8, HEXAGONAL), (0.0, 0.0))


def solid() -> FittedMesh:
    return FittedMesh(bent_tetrahedra(5, SHEARED), (0.1, 0.0, -0.2))


def wave(points: np.ndarray) -> np.ndarray:
    """Of the periods of the hexagonal lattice, or of the sheared one."""
    periods = np.array(HEXAGONAL) if points.shape[-1] == 2 else SHEARED
    shares = points @ np.linalg.inv(periods)
    return np.cos(2 * np.pi * shares[..., 0]) + np.sin(2 * np.pi * shares[..., -1])


@pytest.mark.parametrize(("degree", "error"), [(1, 0.2), (2, 0.03), (3, 4e-3)])
def test_interpolants_are_found_at_any_point(degree: int, error: float) -> None:
    space = FittedSpace(mesh(), degree)
    assert space.nodes.shape[1] == space.mesh.count(degree)
    function = space.grid(wave(space.nodes.T)[None])
    points = 5 * np.random.default_rng(0).random((300, 2)) - 2
    found = function.evaluate(points, (0, 0))
    assert found.shape == (1, 300)
    assert np.abs(found - wave(points)).max() < error
    step = 1e-5 * np.array([0.0, 1.0])
    there = function.evaluate(points + step, (0, 0)) - function.evaluate(points - step, (0, 0))
    # Some points lie beside an edge: slopes jump there.
    assert np.median(np.abs(there / 2e-5 - function.evaluate(points, (0, 1)))) < 1e-8
    if degree > 1:
        there = function.evaluate(points + step, (1, 0)) - function.evaluate(points - step, (1, 0))
        assert np.median(np.abs(there / 2e-5 - function.evaluate(points, (1, 1)))) < 1e-7
    with pytest.raises(ValueError, match="at most"):
        function.evaluate(points, (0, 3))


@pytest.mark.parametrize(("degree", "error"), [(1, 0.5), (2, 0.1)])
def test_interpolants_on_tetrahedra(degree: int, error: float) -> None:
    space = FittedSpace(solid(), degree)
    assert space.nodes.shape[1] == space.mesh.count(degree)
    function = space.grid(wave(space.nodes.T)[None])
    points = 5 * np.random.default_rng(0).random((300, 3)) - 2
    assert np.abs(function.evaluate(points, (0, 0, 0)) - wave(points)).max() < error
    step = 1e-5 * np.array([0.0, 0.0, 1.0])
    for index in [(0, 0, 0), (0, 1, 0)][:degree]:
        ahead, behind = (function.evaluate(points + sign * step, index) for sign in (1, -1))
        further = (index[0], index[1], 1)
        own = function.evaluate(points, further)
        assert np.median(np.abs((ahead - behind) / 2e-5 - own)) < 1e-7


@pytest.mark.parametrize("own", [mesh, solid])
def test_places_are_those_of_the_points(own: Callable[[], FittedMesh]) -> None:
    """Whether the element is looked for or known, on elements that bend by a fifth: Newton's steps
    from outside of one may end inside of it, at the place of another point."""
    made = own()
    x = made.mesh.points
    wavy = x + 0.015 * np.sin(2 * np.pi * 4 * x @ np.linalg.inv(made.vectors))
    bent = replace(made, mesh=replace(made.mesh, points=wavy))
    assert bent.mesh.least_stretch.min() > 0
    points = np.random.default_rng(2).random((4000, made.dim)) @ made.vectors + made.corner
    elements, places = bent.finder(points)
    apart = places_of(bent.corners_and_middles[elements], places[:, None])[:, 0] - points
    shares = apart @ np.linalg.inv(made.vectors)
    assert np.abs(shares - np.rint(shares)).max() < 1e-12
    again, there = bent.finder(points, np.where(np.arange(4000) % 2, elements, 0))
    same = again == elements
    assert same.mean() > 0.99
    assert there[same] == pytest.approx(places[same], abs=1e-9)


@pytest.mark.parametrize("degree", [2, 3])
def test_patch(degree: int) -> None:
    """A linear function, which is in the space of curved elements too, has no residual: unknowns
    that were mixed up would leave one, as those of unsorted triangles are."""
    # Of degree 3 triangles alone.
    space = FittedSpace(mesh() if degree == 3 else solid(), degree)
    basis = space.basis
    linear = np.array([1.3, -0.4, 0.7])[: space.dim] @ basis.doflocs
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    inner = np.setdiff1d(np.arange(basis.N), basis.get_dofs().flatten())
    assert np.abs((stiffness @ linear)[inner]).max() < 1e-12


def test_triangles_of_scikit_fem_are_sorted() -> None:
    """MeshTri2 leaves them as they are, and mixes up the two unknowns of an edge of degree 3."""
    made = skfem_simplices(mesh())
    assert (np.diff(made.t, axis=0) > 0).all()
    assert made.sort_t


@pytest.mark.parametrize(("own", "volume"), [(mesh, np.sqrt(3) / 2), (solid, 0.72)])
def test_rule(own: Callable[[], FittedMesh], volume: float) -> None:
    rule = SimplexRule(own(), 4).inside()
    assert rule.weights.sum() == pytest.approx(volume, abs=1e-13)
    assert rule.weights @ wave(rule.points) ** 2 == pytest.approx(volume, abs=1e-3)


def test_values_at_other_places_are_refused() -> None:
    from nhpinn_sym.runtime.fitted.functions import function_of

    own = mesh()
    places = own.corners_and_middles + 0.01
    with pytest.raises(ValueError, match="do not stand at the nodes"):
        function_of(own, 2, places, np.zeros(places.shape[:2]))
    assert SimplexFunction(own, 2, np.zeros((4, 3, len(places), 6))).batch == (4, 3)


def test_tiny_triangles_far_from_the_origin_have_their_area() -> None:
    """Corners are graded down to sizes whose squares are below the rounding of places."""
    tiny, shift = 1e-9, np.array([1.0, 2.0])
    unit = mesh().mesh
    moved = replace(unit, points=shift + tiny * unit.points)
    assert moved.volumes == pytest.approx(tiny**2 * unit.volumes, rel=1e-5)
