"""What every solution answers, from the one method that its class gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from nhpinn_sym.problem.errors import ProblemError, SolveError
from nhpinn_sym.solve.exports import SolutionExtent
from nhpinn_sym.solve.solution import Array, Solution


@dataclass(frozen=True, eq=False, repr=False)
class Wave(Solution):
    """exp(x1 + 2 x2 + 3 t), of `components` the j-th j + 1 times that."""

    components: int = 1
    final: float | None = None
    calls: list[int] = field(default_factory=list)

    @property
    def extent(self) -> SolutionExtent:
        line = np.linspace(0.0, 1.0, 3)
        return SolutionExtent(
            (line, line), None if self.final is None else np.array([0.0, self.final])
        )

    def _values(self, points: Array, indices: Sequence[tuple[int, ...]], t: float | None) -> Array:
        self.calls.append(len(indices))
        value = np.exp(points @ [1.0, 2.0] + 3 * (t or 0.0))
        found = np.stack([2.0 ** index[1] * value for index in indices])
        sizes = np.arange(1.0, self.components + 1)
        return found if self.components == 1 else found[..., None] * sizes


def wave(components: int = 1, final: float | None = None) -> Wave:
    return Wave("test", "closed form", {"estimate": 0.0}, components, final)


def test_one_point_has_one_value() -> None:
    u, value = wave(), np.exp(1.5)
    for found in (u([0.5, 0.5]), u(0.5, 0.5), u(np.array([0.5, 0.5]))):
        assert np.shape(found) == ()
        assert float(found) == pytest.approx(value)
    assert u([[0.5, 0.5]]) == pytest.approx([value])
    assert wave(3)([0.5, 0.5]) == pytest.approx([value, 2 * value, 3 * value])


def test_values_have_the_shape_of_the_coordinates() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 3), indexing="ij")
    assert wave()(x, y) == pytest.approx(np.exp(x + 2 * y))
    assert wave(2)(x, y).shape == (4, 3, 2)
    assert wave()(np.stack([x, y], -1)) == pytest.approx(np.exp(x + 2 * y))


def test_derivatives_are_asked_for_together() -> None:
    u, points = wave(2), np.random.default_rng(0).random((5, 2))
    value, dx, dy = u.evaluate(points, [(0, 0), (1, 0), (0, 1)])
    assert u.calls == [3]
    assert (value.shape, u.evaluate([0.1, 0.2], [(0, 0), (0, 2)]).shape) == ((5, 2), (2, 2))
    assert dx == pytest.approx(u.derivative(points, (1, 0)))
    assert dy == pytest.approx(2 * value)


def test_the_time_comes_last_and_is_the_final_one_where_none_is_given() -> None:
    u, point = wave(final=2.0), [0.5, 0.5]
    assert u(point) == pytest.approx(np.exp(7.5))
    for found in (u(point, 1.0), u(0.5, 0.5, 1.0), u(point, t=1.0), u(0.5, 0.5, t=1.0)):
        assert found == pytest.approx(np.exp(4.5))
    assert u.derivative(point, (0, 1), 1.0) == pytest.approx(2 * np.exp(4.5))
    for time in (-0.1, 2.1):
        with pytest.raises(SolveError, match="not computed"):
            u(point, time)
    with pytest.raises(SolveError, match="no time"):
        wave()(point, 1.0)


@pytest.mark.parametrize("given", [(0.5,), ([0.5, 0.5, 0.5],), ([0.5], [0.5, 0.5]), ("x", "y")])
def test_other_shapes_are_refused(given: tuple[object, ...]) -> None:
    with pytest.raises((ProblemError, SolveError)):
        wave()(*given)  # type: ignore[arg-type]


def test_a_multi_index_has_an_order_for_each_coordinate() -> None:
    for index in ((1,), (1, -1), (0.5, 0)):
        with pytest.raises(ProblemError, match="multi-index"):
            wave().derivative([0.5, 0.5], index)  # type: ignore[arg-type]
