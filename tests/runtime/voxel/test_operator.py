"""Q1 elements in modes against element matrices of a Gauss rule, and the iterations on them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nhpinn_sym.runtime.arrays import Array, MultiIndex
from nhpinn_sym.runtime.voxel.cells import refined
from nhpinn_sym.runtime.voxel.dual import lower_bound
from nhpinn_sym.runtime.voxel.elements import BoxElements
from nhpinn_sym.runtime.voxel.operator import ElementOperator, ElementTerm, IndefiniteError

BOUNDS = ((0.0, 1.0), (-1.0, 2.0), (0.0, 0.5))
SHAPE = (3, 4, 5)


def nodal(point: Array, corner: tuple[int, ...], index: MultiIndex, sizes: Array) -> float:
    """D^index of the nodal function of a corner, at a point of the unit box."""
    value = 1.0
    for t, c, n, h in zip(point, corner, index, sizes, strict=True):
        line = (t if c else 1 - t, (1 if c else -1) / h)
        value *= line[n]
    return value


def by_quadrature(elements: BoxElements, term: ElementTerm, c: Array, u: Array) -> Array:
    """The integrals of one term for a scalar function, over the volume of a box, by one point an
    axis where they are reduced.
    """
    _, left, number, _, _, right = term
    dim = elements.dim
    sizes = np.array(elements.sizes)
    count = 1 if elements.reduced else 2
    nodes, weights = np.polynomial.legendre.leggauss(count)
    out = np.zeros_like(u)
    corners = list(product((0, 1), repeat=dim))
    for places in product(range(count), repeat=dim):
        point = (1 + nodes[list(places)]) / 2
        weight = np.prod(weights[list(places)] / 2)
        shifted = [np.roll(u, [-c for c in corner], range(dim)) for corner in corners]
        value = sum(
            nodal(point, corner, right, sizes) * s
            for corner, s in zip(corners, shifted, strict=True)
        )
        for corner in corners:
            part = number * weight * c * value * nodal(point, corner, left, sizes)
            out += np.roll(part, corner, range(dim))
    return out


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("slab", [1, 45, 10_000])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_every_term_is_integrated_exactly(
    dim: int, slab: int, reduced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nhpinn_sym.runtime.voxel.elements.SLAB", slab)
    random = np.random.default_rng(dim)
    elements = BoxElements(BOUNDS[:dim], SHAPE[:dim], reduced)
    c = random.random(elements.shape)
    u = random.random(elements.shape)
    indices = [(0,) * dim, *(tuple(int(k == j) for k in range(dim)) for j in range(dim))]
    for left, right in product(indices, repeat=2):
        term = (0, left, 1.7, 0, 0, right)
        operator = ElementOperator(elements, 1, [term], [c], positive=False)
        expected = by_quadrature(elements, term, c, u)
        assert operator.apply(u[None])[0] == pytest.approx(expected, abs=1e-12)


def diffusion(elements: BoxElements, a: Array) -> ElementOperator:
    axes = [tuple(int(k == j) for k in range(elements.dim)) for j in range(elements.dim)]
    terms: list[ElementTerm] = [(0, e, 1.0, 0, 0, e) for e in axes]
    return ElementOperator(elements, 1, terms, [a], positive=True)


def test_right_hand_sides_that_depend_on_each_other() -> None:
    """One is twice another: the directions of the iteration become dependent."""
    random = np.random.default_rng(3)
    elements = BoxElements(((0, 1), (0, 1)), (8, 9))
    operator = diffusion(elements, np.where(random.random((8, 9)) < 0.5, 1.0, 1e3))
    b = random.standard_normal((2, 1, 8, 9))
    b -= b.mean(axis=(-2, -1), keepdims=True)
    loads = np.concatenate([b, 2 * b[:1]])
    found = operator.solve(loads, None, 1e-10)
    for load, solved in zip(loads, found, strict=True):
        assert solved.relative < 1e-9
        assert operator.apply(solved.values) == pytest.approx(load, abs=1e-7)


@pytest.mark.parametrize("contrast", [1e-3, 1e3])
def test_what_coarser_boxes_miss_is_local(contrast: float) -> None:
    """A few steps with the diagonal take nine tenths of its energy."""
    labels = np.random.default_rng(8).random((16, 16)) < 0.4
    a = np.where(labels.repeat(2, 0).repeat(2, 1), contrast, 1.0)
    finer = a.repeat(2, 0).repeat(2, 1)

    def load(operator: ElementOperator, c: Array) -> Array:
        elements = operator.elements
        return -elements.collected({(1, 0): elements.scale((1, 0)) * c})[None, None]

    square = ((0.0, 1.0), (0.0, 1.0))
    coarse = diffusion(BoxElements(square, a.shape), a)
    operator = diffusion(BoxElements(square, finer.shape), finer)
    guess = refined(coarse.solve(load(coarse, a), None, 1e-10)[0].values, 2, 2)[None]
    b = load(operator, finer)
    near, exact = (
        operator.solve(b, guess, rtol, nested)[0].values - guess[0]
        for rtol, nested in ((0.1, True), (1e-6, False))
    )
    rest = b[0] - operator.apply(guess[0])
    gains = [float(np.sum((2 * rest - operator.apply(u)) * u)) for u in (near, exact)]
    assert 0.9 < gains[0] / gains[1] < 1


@pytest.mark.parametrize("shape", [(6, 8), (7, 4)])
def test_constant_stiffness_is_inverted_by_its_preconditioner(shape: tuple[int, int]) -> None:
    """lam = 2, mu = 3; the symbol of what is real and even is real, whatever its rounding."""
    elements = BoxElements(((0, 1), (0, 2)), shape)
    axes = [(1, 0), (0, 1)]
    terms: list[ElementTerm] = []
    for i, j in product(range(2), repeat=2):
        terms += [(i, axes[i], 2.0, 0, j, axes[j]), (i, axes[j], 3.0, 0, j, axes[i])]
        terms.append((i, axes[j], 3.0, 0, i, axes[j]))
    operator = ElementOperator(elements, 2, terms, [np.array(1.0)], positive=True)
    assert not np.iscomplexobj(operator.inverse)
    u = np.random.default_rng(6).standard_normal((2, *shape))
    u -= u.mean(axis=(1, 2), keepdims=True)
    assert operator.precondition(operator.apply(u)) == pytest.approx(u, abs=1e-10)


def test_what_is_not_positive_is_found() -> None:
    elements = BoxElements(((0, 1), (0, 1)), (6, 6))
    a = np.where(np.arange(36).reshape(6, 6) % 3 == 0, -5.0, 4.0)
    b = np.random.default_rng(1).standard_normal((1, 1, 6, 6))
    with pytest.raises(IndefiniteError):
        diffusion(elements, a).solve(b - b.mean(), None, 1e-8)


def test_the_same_function_on_finer_boxes() -> None:
    values = np.random.default_rng(2).random((2, 3, 4))
    elements = BoxElements(((0, 1), (0, 1)), (3, 4))
    finer = BoxElements(((0, 1), (0, 1)), (9, 12))
    u = refined(values[:1], 3, 2)
    a = np.random.default_rng(4).random((3, 4))
    one = float(np.sum(values[:1] * diffusion(elements, a).apply(values[:1]))) / elements.count
    cut = np.repeat(np.repeat(a, 3, 0), 3, 1)
    other = float(np.sum(u * diffusion(finer, cut).apply(u))) / finer.count
    assert other == pytest.approx(one, rel=1e-12)


def test_the_bound_from_below_is_that_of_the_turned_inverse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In two dimensions fluxes without divergence are turned gradients of Q1 functions."""
    monkeypatch.setattr("nhpinn_sym.runtime.voxel.elements.SLAB", 13)
    random = np.random.default_rng(5)
    a = np.where(random.random((7, 6)) < 0.4, 10.0, 1.0)
    elements = BoxElements(((0, 1), (0, 1)), a.shape)
    lower, _ = lower_bound(elements, {(0, 0): a, (1, 1): a}, 1e-10)
    operator = diffusion(elements, 1 / a)
    axes = [(1, 0), (0, 1)]
    loads = np.stack([-elements.collected({e: elements.scale(e) / a})[None] for e in axes])
    found = [s.values for s in operator.solve(loads, None, 1e-10)]
    matrix = np.mean(1 / a) * np.eye(2)
    for k, j in product(range(2), repeat=2):
        matrix[k, j] -= np.sum(loads[k] * found[j]) / elements.count
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert lower == pytest.approx(turn @ np.linalg.inv(matrix) @ turn.T, rel=1e-8)


def test_a_tensor_and_its_bound_in_three_dimensions() -> None:
    """Layers across the first axis, of a tensor: both bounds are the closed form."""
    first = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]])
    tensors = {
        (k, j): np.broadcast_to(
            np.array([first[k, j], 5.0 * (k == j)])[:, None, None], (2, 2, 2)
        ).copy()
        for k, j in product(range(3), repeat=2)
    }
    elements = BoxElements(((0, 1),) * 3, (2, 2, 2))
    lower, _ = lower_bound(elements, tensors, 1e-12)
    other = 5.0 * np.eye(3)
    inverse = (1 / first[0, 0] + 1 / other[0, 0]) / 2
    expected = np.zeros((3, 3))
    expected[0, 0] = 1 / inverse
    for k in (1, 2):
        ratio = (first[0, k] / first[0, 0] + other[0, k] / other[0, 0]) / 2
        expected[0, k] = expected[k, 0] = ratio / inverse
        for j in (1, 2):
            mean = 0.0
            for a in (first, other):
                mean += (a[k, j] - a[k, 0] * a[0, j] / a[0, 0]) / 2
            swap = (first[0, j] / first[0, 0] + other[0, j] / other[0, 0]) / 2
            expected[k, j] = mean + ratio * swap / inverse
    assert lower == pytest.approx(expected, abs=1e-9)
