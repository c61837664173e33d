"""The data of a nonlinear boundary value problem on random features: ansatz, natural conditions,
and the linear problem that Newton's method starts from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from ....emit.hard_constraints import constrain
from ....lower.forms import LoweredEquation, MultiIndex, Natural
from ....operator.numbers.panels import evaluator
from ....problem.errors import SolveError, UnsupportedError
from ....resolution import resolve_equation
from ....runtime.arrays import Array
from ....runtime.nets import jets
from ....runtime.nets.function_families import JetsOfFamily, stack_functions
from ....runtime.newton import Linearized, newton
from ....runtime.nonlinear_equation import BoundaryProblem, Law
from ..feature_space import Features, FeatureSpace
from ..network import Jet, Layers, with_last_layer
from .boundary_value import BoundaryValueProblem
from .known_functions import known_functions
from .solution import NetAndKnown

# Quadrature points a line: over the root of the features, and beside them; over the scale of their
# weights, whose tails they have to see; by the dimension.
_LINE = {1: (0.5, 24, 10.0), 2: (1.6, 6, 8.0), 3: (1.5, 4, 5.0)}
# Of a panel between the lines at which data change.
_PANEL = 3


class TangentProblem(BoundaryValueProblem):
    """The linear reference problem; with a `tangent` (m, d, m, d, n) at points, that of the law."""

    tangent: Callable[[Tensor], Array] | None = None

    @property
    def operator(self) -> Callable[..., Any]:
        return super().operator if self.tangent is None else self._linearized

    def _linearized(self, points: Tensor, **given: Any) -> Any:
        assert self.tangent is not None
        tensor = torch.as_tensor(self.tangent(points))
        m, d = tensor.shape[:2]
        table: dict[tuple[int, int], dict[MultiIndex, Any]] = {}
        for i, k, j, n in product(range(m), range(d), range(m), range(d)):
            index = tuple(int(axis == k) + int(axis == n) for axis in range(d))
            held = table.setdefault((i, j), {})
            held[index] = held.get(index, 0.0) - tensor[i, k, j, n]
        return table if m > 1 else table[0, 0]


class WeakEquation:
    """A nonlinear equation with the domain, boundary and initial data of a linear `reference`.

    values : the ansatz lift + factor * net in space, and known functions beside the net; the time
             is a parameter of it
    """

    def __init__(
        self, reference: LoweredEquation, parameters: Mapping[str, float], law: Law, symmetric: bool
    ) -> None:
        """UnsupportedError where Dirichlet data contradict each other: no net has them."""
        self.reference = reference
        self.law = law
        self.symmetric = symmetric
        self.numbers = {**parameters}
        space = reference
        if reference.time is not None:
            self.numbers[str(reference.time)] = 0.0
            symbols = (*reference.parameters, reference.time)
            space = replace(reference, time=None, final_time=None, mass=(), initial=())
            space = replace(space, parameters=symbols)
        for j in range(reference.components):
            for name, value in constrain(space, j).soft.items():
                raise UnsupportedError(
                    "a nonlinear problem by nets with Dirichlet data that a smooth net cannot have:"
                    f" those of {name} contradict a neighbouring part, or the domain is no box",
                    term=value,
                    remedy='finite elements take them: "skfem" or "dolfinx"',
                )
        self.d = reference.domain.dim
        seconds = [i for i in product(range(3), repeat=self.d) if sum(i) == 2]
        self.values = TangentProblem(space, _no_externals, self.numbers, "cpu", seconds)
        self.trial = self.values.trial
        self.length = max(b - a for a, b in reference.domain.bounds)

    def add_corners(self, first: NetAndKnown) -> int:
        """Puts the singular functions of corners beside the net, of the law that is linearized at a
        first solution there; says how many.
        """
        values = self.values

        def tangent(point: Tensor) -> Array:
            found = fields(values, first, point)
            return np.asarray(self.law(point.numpy().T, 0.0, *found)["flux_p"])

        values.tangent = tangent
        families = [f for group in known_functions(values).values() for f in group]
        m = self.reference.components
        values.known = tuple(
            stack_functions([_alone(f[j], own == j) for f in families for own in range(m)])
            for j in range(m)
        )
        here = self.values.points(1, 0)
        return self.values.known[0](here, first_indices(self.d)[:1])[(0,) * self.d].shape[1]

    @cached_property
    def panels(self) -> int:
        """The most panels of an axis, between which the data change."""
        found = resolve_equation(self.reference, self.numbers)
        return max(len(axis.lines) - 1 for axis in found.axes)

    def line(self, size: int, scale: float) -> int:
        """Quadrature points a line for so many features of that scale."""
        factor, more, per_scale = _LINE[self.d]
        of_size = math.ceil(factor * size ** (1 / self.d)) + more
        return max(of_size, math.ceil(per_scale * scale), _PANEL * self.panels)

    def at(self, expr: sp.Expr, points: Array, t: float) -> Array:
        """A datum at points (n, d) and a time."""
        symbols = (*self.reference.coordinates,)
        swap = {v: sp.Float(self.numbers[v.name], 17) for v in self.reference.parameters}
        if self.reference.time is not None:
            swap[self.reference.time] = sp.Float(t, 17)
        return evaluator(expr.xreplace(swap), symbols)(points)

    def features(self, points: Tensor, layers: Layers) -> list[Features]:
        """The features of each component at points, with its factor, and its known functions."""
        indices = first_indices(self.d)
        hidden = self.trial.hidden(points, layers, indices)
        _, factors = self.values.ansatz(points)
        found = []
        for j, factor in enumerate(factors):
            free = jets.product(factor, hidden)
            known = self.values.known[j](points, indices)
            own = slice(j, None, self.reference.components)
            joined = [torch.cat([free[a], known[a][:, own]], 1).T.numpy() for a in indices]
            found.append(Features(joined[0], np.stack(joined[1:], 1)))
        return found

    def values_at(self, t: float) -> TangentProblem:
        """The ansatz at a time."""
        if self.reference.time is None:
            return self.values
        found = copy.copy(self.values)
        found.parameters = {**found.parameters, str(self.reference.time): t}
        return found

    def lift(self, points: Tensor, t: float) -> tuple[Array, Array]:
        """Values (m, n) and slopes (m, d, n) of the lift."""
        changed = {} if self.reference.time is None else {str(self.reference.time): t}
        lifts, _ = self.values.ansatz(points, **changed)
        values = np.stack([lift[first_indices(self.d)[0]].numpy() for lift in lifts])
        slopes = [[lift[a].numpy() for a in first_indices(self.d)[1:]] for lift in lifts]
        return values, np.array(slopes)


@dataclass(frozen=True)
class _Wall:
    """A natural condition flux . n + alpha u = value of one equation: the features (k, n) of its
    unknown at points of a part of the boundary.
    """

    condition: Natural
    points: Tensor
    weights: Array
    basis: Array
    alpha: Array


class WeakProblem(BoundaryProblem):
    """The problem in the span of some features; `line` quadrature points a line."""

    assembly: FeatureSpace

    def __init__(self, equation: WeakEquation, layers: Layers, line: int) -> None:
        self.equation = equation
        self.layers = layers
        self._points, weights = equation.values.quadrature(line)
        own = equation.features(self._points, layers)
        mass = weights.numpy()
        self._mixes = [f.orthonormal(mass, equation.length) for f in own]
        basis = [f.mixed(mix) for f, mix in zip(own, self._mixes)]
        self.assembly = FeatureSpace(self._points.numpy().T, mass, basis)
        self._walls = [
            self._wall(condition, name, line)
            for condition in equation.reference.natural
            for name in condition.parts
        ]
        if any(np.any(wall.alpha) for wall in self._walls):
            self.robin = self._robin_matrix()

    def start(self) -> Array:
        """The solution of the linear reference problem."""
        slopes = reference_slopes(self.equation, self.assembly.points.T)

        def linearized(u: Array) -> Linearized:
            arrays = linear_arrays(slopes, *self.assembly.fields(u))
            vector, size = self.assembly.load(arrays["flux"], arrays["reaction"])
            vector = vector - self.natural_load(0.0) + self.robin_times(u)
            matrix = self.assembly.matrix(arrays, "flux", "reaction")
            whole = matrix if self.robin is None else matrix + self.robin
            return Linearized(self.assembly.restricted(vector), size, lambda: whole)

        u = self.assembly.extended(np.zeros(self.assembly.count))
        return newton(self.assembly, linearized, self.with_essential(u, 0.0), symmetric=False).u

    def initial(self) -> Array:
        """The initial values, as near as the features come in H1."""
        reference = self.equation.reference
        at = partial(self.equation.at, points=self.assembly.points.T, t=0.0)
        values = np.stack([at(f) for f in reference.initial])
        slopes = [[at(sp.diff(f, x)) for x in reference.coordinates] for f in reference.initial]
        return self._projected(values, np.array(slopes), 0.0)

    def nearest(self, found: NetAndKnown) -> Array:
        """The function nearest to another one, in H1."""
        return self._projected(*fields(self.equation.values, found, self._points), 0.0)

    def with_essential(self, u: Array, t: float) -> Array:
        return self.assembly.with_lift(u, *self.equation.lift(self._points, t))

    def natural_load(self, t: float) -> Array:
        """What the lift has of the walls is in it."""
        return -self._on_walls(t, lambda wall: self.equation.lift(wall.points, t)[0])

    def robin_times(self, u: Array) -> Array:
        free = self.assembly.restricted(u)
        return self.assembly.extended(0 * free if self.robin is None else self.robin @ free)

    def grid(self, values: Array) -> Any:
        """The net of the unknowns, and what stands beside it; a list of them for levels."""
        return self._net(values) if values.ndim == 1 else [self._net(level) for level in values]

    def _net(self, values: Array) -> NetAndKnown:
        width = len(self.layers[-1][1])
        nets = []
        beside = []
        for mix, c in zip(self._mixes, self.assembly.coefficients(values)):
            weights = torch.as_tensor(mix @ c)
            nets.append(weights[:width])
            beside.append(weights[width:])
        last = torch.cat(nets)[:, None]
        network = with_last_layer(self.equation.trial, self.layers, last, self.assembly.m)
        return network, torch.stack(beside, 1).reshape(-1, 1)

    def defect(self, levels: Sequence[NetAndKnown], times: Sequence[float] = (0.0,)) -> float:
        """What a net leaves of the equation at the last of some times, against the features of this
        space: the dual norm of the residual, relative to the flux and the sources. The rate of the
        storage is that of the levels, their steps being equal.
        """
        arrays, *before = (self._arrays_of(*level) for level in zip(levels[::-1], times[::-1]))
        values = self.equation.values_at(times[-1])
        reaction = arrays["reaction"]
        if before:
            stored = [arrays["storage"], *(a["storage"] for a in before)]
            reaction = reaction + _rate(stored, times[-1] - times[-2])
        vector, _ = self.assembly.load(arrays["flux"], reaction)
        walls = self._on_walls(times[-1], lambda wall: fields(values, levels[-1], wall.points)[0])
        vector = vector + walls
        sizes = np.sum(arrays["flux"] ** 2, axis=(0, 1))
        sizes = sizes + self.equation.length**2 * np.sum(arrays["reaction"] ** 2, axis=0)
        whole = float(np.sqrt(self.assembly.weights @ sizes))
        return float(np.linalg.norm(self.assembly.restricted(vector))) / (whole or 1.0)

    def _arrays_of(self, found: NetAndKnown, t: float) -> Mapping[str, Array]:
        """The law at a net and a time."""
        here = fields(self.equation.values_at(t), found, self._points)
        return self.equation.law(self.assembly.points, t, *here)

    def _on_walls(self, t: float, values: Callable[[_Wall], Array]) -> Array:
        """int (alpha u - value) v over the walls, for the values (m, n) of u there."""
        total = np.zeros(self.assembly.count)
        for wall in self._walls:
            i = wall.condition.equation
            given = self.equation.at(wall.condition.value, wall.points.numpy(), t)
            rest = wall.alpha * values(wall)[i] - given
            total[self.assembly.parts[i]] += wall.basis @ (wall.weights * rest)
        return self.assembly.extended(total)

    def _wall(self, condition: Natural, name: str, line: int) -> _Wall:
        points, weights = self.equation.values.quadrature_on(name, line)
        i = condition.equation
        basis = self.equation.features(points, self.layers)[i].mixed(self._mixes[i])
        alpha = self.equation.at(condition.alpha, points.numpy(), 0.0)
        return _Wall(condition, points, weights.numpy(), basis.values, alpha)

    def _robin_matrix(self) -> Array:
        total = np.zeros((self.assembly.count, self.assembly.count))
        for wall in self._walls:
            part = self.assembly.parts[wall.condition.equation]
            total[part, part] += (wall.basis * (wall.weights * wall.alpha)) @ wall.basis.T
        return total

    def _projected(self, values: Array, slopes: Array, t: float) -> Array:
        """The function nearest in H1 to one with values (m, n) and slopes (m, d, n)."""
        lift, lift_slopes = self.equation.lift(self._points, t)
        space = self.assembly
        found = []
        for j, basis in enumerate(space.basis):
            own = space.weights * (values[j] - lift[j]) / self.equation.length**2
            along = space.weights * (slopes[j] - lift_slopes[j])
            found.append(basis.values @ own + np.einsum("kdn,dn->k", basis.slopes, along))
        return space.with_lift(np.concatenate(found), lift, lift_slopes)


def fields(
    problem: BoundaryValueProblem, found: NetAndKnown, points: Tensor
) -> tuple[Array, Array]:
    """Values (m, n) and slopes (m, d, n) of a solution."""
    jet = problem.derivatives(*found, points, first_indices(points.shape[1]))
    array = np.moveaxis(jet.numpy(), 2, 0)
    return array[:, 0], array[:, 1:]


def _alone(family: JetsOfFamily, held: bool) -> JetsOfFamily:
    """The functions in one component; nothing in the others."""
    if held:
        return family

    def nothing(points: Tensor, indices: Sequence[MultiIndex]) -> Jet:
        return {a: torch.zeros_like(value) for a, value in family(points, indices).items()}

    return nothing


def _rate(levels: Sequence[Array], step: float) -> Array:
    """d/dt at the first of some levels, which go back in time, to the order of their number."""
    total = np.zeros_like(levels[0])
    for n in range(1, len(levels)):
        difference = sum((-1) ** k * math.comb(n, k) * levels[k] for k in range(n + 1))
        total = total + difference / n
    return np.asarray(total / step)


def first_indices(d: int) -> tuple[MultiIndex, ...]:
    """Those of the value and of the slopes."""
    return ((0,) * d, *(tuple(int(k == axis) for k in range(d)) for axis in range(d)))


def reference_slopes(equation: WeakEquation, points: Array) -> dict[str, Array]:
    """The linear reference problem at points (n, d): flux_p, flux_u, and its load."""
    reference = equation.reference
    m = reference.components
    d = equation.d
    found = {
        "flux_u": np.zeros((m, d, m, len(points))),
        "flux_p": np.zeros((m, d, m, d, len(points))),
        "load": np.stack([equation.at(f, points, 0.0) for f in reference.sources]),
    }
    for i, rows in enumerate(reference.flux):
        for k, terms in enumerate(rows):
            for term in terms:
                value = equation.at(term.coefficient, points, 0.0)
                if any(term.right):
                    found["flux_p"][i, k, term.field, term.right.index(1)] += value
                else:
                    found["flux_u"][i, k, term.field] += value
    return found


def linear_arrays(held: Mapping[str, Array], values: Array, slopes: Array) -> dict[str, Array]:
    """The arrays of a linear law, from its slopes and its load."""
    flux = np.einsum("ikjan,jan->ikn", held["flux_p"], slopes)
    flux = flux + np.einsum("ikjn,jn->ikn", held["flux_u"], values)
    m, d, n = slopes.shape
    nothing = {"reaction_u": np.zeros((m, m, n)), "reaction_p": np.zeros((m, m, d, n))}
    return {**held, **nothing, "flux": flux, "reaction": -held["load"]}


def _no_externals(external: object, points: Array) -> Array:
    raise SolveError("a nonlinear problem has no effective coefficients", term=external)
