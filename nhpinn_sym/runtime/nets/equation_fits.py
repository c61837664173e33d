"""Boundary value problems of emitted {name}_residual.py by least squares of random features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ..command_line import tell_doubt
from .fit_domains import BoxDomain, FitDomain
from .fits import FormArguments, RowsAndTargets, fit_features, with_constant
from .jets import Jet, column, combine, product, system, total
from .networks import Layers, hidden

# Points of the inside for each point of a part of the boundary.
_FEWER = 4
# A relative residual above which the features do not solve the equation, whatever the change is.
_NO_FIT = 0.5
# At least, however few the points inside are.
_FEWEST_THERE = 20


def fit_equation(
    forms: Any,
    data: Any,
    given: Callable[[torch.Tensor], FormArguments],
    count: int,
    domain: FitDomain | None = None,
) -> tuple[Callable[[torch.Tensor], torch.Tensor], float]:
    """The solution of an emitted {name}_residual.py, points (n, columns) -> (n, components), and
    its relative residual; `data` is the emitted {name}_coefficients.py.

    given: the keyword arguments at points; domain: where it is no box.
    """
    problem = _Equation(forms, data, given, domain or BoxDomain(data.AXES, data.PARTS))
    shape = (1, problem.components)
    fit = fit_features(count, data.AXES, problem.rows, shape, draw=problem.domain.draw)
    zero = (0,) * len(forms.INDICES[0])

    def solution(points: torch.Tensor) -> torch.Tensor:
        values = fit.jet(points, (zero,))[zero]
        known = [part(points, [zero])[zero] @ fit.multipliers for part in problem.known]
        numbers = given(points)
        shape = (len(points), problem.components)
        lift = data.lift(points, **numbers)[zero].reshape(shape)
        factor = data.factor(points, **numbers)[zero].reshape(shape)
        return lift + factor * values + torch.cat(known, 1)

    return solution, fit.residual


def write_fit(
    name: str,
    forms: Any,
    data: Any,
    given: FormArguments,
    externals: Mapping[str, Any],
    field: Callable[[Any, Any], Any],
    domain: FitDomain | None = None,
) -> None:
    """Print the range of the solution of {name}_residual.py with given["n"] features, with its
    change from half of them, and write its values on a grid, or at the nodes of a mesh (at the
    final time), to {name}.npz.

    externals: the keys of effective coefficients by argument, which `field` gives at points.
    """

    def arguments(points: torch.Tensor) -> FormArguments:
        values = {s: torch.tensor(field(key, points.numpy())) for s, key in externals.items()}
        return {argument: values.get(argument, given.get(argument)) for argument in data.GIVEN}

    count = int(given["n"])
    place = domain or BoxDomain(data.AXES, data.PARTS)
    points, table, shape = place.shown()
    solution, residual = fit_equation(forms, data, arguments, count, place)
    coarse, _ = fit_equation(forms, data, arguments, max(1, count // 2), place)
    values = solution(points)
    change = float((values - coarse(points)).norm() / values.norm())
    print(f"{count} features: relative residual {residual:.1e}, change from half {change:.1e}")
    print(f"{values.min():.9g} <= u <= {values.max():.9g}")
    remedy = f"take n={2 * count}, {'a larger epsilon, ' if 'epsilon' in given else ''}or elements"
    tell_doubt(max(change, residual if residual > _NO_FIT else 0.0), remedy)
    shown = values.reshape(*shape, values.shape[1])
    np.savez(f"{name}.npz", values=shown.numpy(), **table)


class _Equation:
    """A boundary value problem as rows: the equation inside, and what the ansatz leaves open."""

    def __init__(
        self,
        forms: Any,
        data: Any,
        given: Callable[[torch.Tensor], FormArguments],
        domain: FitDomain,
    ) -> None:
        self.forms = forms
        self.data = data
        self.given = given
        self.domain = domain
        self.components = int(getattr(forms, "COMPONENTS", 1))
        self.known = domain.known(forms, given)

    def rows(self, layers: Layers, points: torch.Tensor) -> RowsAndTargets:
        """All rows, those of each part of the boundary and of the inside with the same weight in
        the mean.
        """
        blocks = [self._block(layers, points, self.data.coefficients, self.data.source)]
        for name, (coefficients, value) in self.forms.BOUNDARY.items():
            some = points[: max(_FEWEST_THERE, len(points) // _FEWER)]
            there = self.domain.on(name, some)
            blocks.append(self._block(layers, there, coefficients, value))
        return torch.cat([a for a, _ in blocks]), torch.cat([b for _, b in blocks])

    def _block(
        self, layers: Layers, points: torch.Tensor, coefficients: Any, value: Any
    ) -> RowsAndTargets:
        """Rows of (equations, unknowns), scaled to size one."""
        m = self.components
        given = self.given(points)
        tables = coefficients(points, **given)
        if m == 1:
            tables = {(0, 0): tables}
        lift = self._parts(self.data.lift(points, **given))
        factor = self._parts(self.data.factor(points, **given))
        trial = self._trial(hidden(points, layers, self.forms.INDICES, self.data.AXES), factor)
        left = system(tables, trial, m).unflatten(-1, (-1, m))
        target = value(points, **given).reshape(len(points), m).clone()
        known = [part(points, self.forms.INDICES) for part in self.known]
        beside = target.new_zeros(*target.shape, next(iter(known[0].values())).shape[1])
        for (i, j), table in tables.items():
            target[:, i] -= combine(table, lift[j])
            beside[:, i] += combine(table, known[j])
        size = left.square().mean().sqrt()
        # Inside and on each part the mean square of the rows is one: none of them outweighs the
        # others by its units or its number of points.
        weight = 1 / (size * len(points) ** 0.5)
        return (
            weight * torch.cat([left.transpose(1, 2), beside], 2).flatten(0, 1),
            weight * target.flatten()[:, None],
        )

    def _trial(self, jet: Jet, factor: list[Jet]) -> Jet:
        """The jets of factor times feature: trial (k, j) has component j alone, which stands behind
        the trials.
        """
        inner = {a: with_constant(value, a) for a, value in jet.items()}
        free = [product(part, inner) for part in factor]
        unit = torch.eye(self.components, dtype=torch.float64)
        found = {}
        for a in inner:
            parts = [
                component[a][:, :, None, None] * unit[c] * unit[:, c, None]
                for c, component in enumerate(free)
            ]
            found[a] = total(parts).flatten(1)
        return found

    def _parts(self, jet: Jet) -> list[Jet]:
        if self.components == 1:
            return [jet]
        return [column(jet, j) for j in range(self.components)]
