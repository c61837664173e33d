"""The second corrector of a nonlinear cell problem and what it adds to the law, at many macroscopic
states at once.

With u = U + eps N(y; x, U, grad U) + eps^2 N2 and D_k for the total slow derivative along x_k (of
N by x, by U times d_k U, by grad U times d_k grad U) the equation at order 0 is linear in N2, with
the derivative of the state problem. L w = -div_y( A_p grad_y w + B_u w ):
    L N2 = div_y F + D_k( A + B_u N )_k - g_u N - G + f - d_t b,  F = A_u N + A_p D N + B_uu N^2/2,
without its mean, which the law makes vanish. The law has at the next order
    eps <F + A_p grad_y N2 + B_u N2>,  eps <G_u N + g_uu N^2/2 + G_p (D N + grad_y N2) + g_u N2>
and eps <b_u N> beside flux, reaction and storage (A. Bensoussan, J.-L. Lions, G. Papanicolaou,
Asymptotic Analysis for Periodic Structures, 1978, by Taylor's formula along the state).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .element_states import ElementStates
from .feature_states import FeatureSolver
from .fourier.states import MacroState, StateSolver
from .nonlinear_arrays import BY, CELL_AXES, NamedTables, dense
from .reduced_basis import ReducedBasis
from .reduced_law import ReducedLaw

_AXES = {**BY, "N": "m", "xi": "md", "x": "d", "t": "", "Nu": "mm"}
"""The axes of a derivative, by the letters behind the name of what is differentiated."""


class Response(NamedTuple):
    """A function of the cell for n states: values (m, n, q) and slopes (m, d, n, q) at q points;
    and as its solver holds it, (n, m, ...), in a reduced space its coefficients (n, k).
    """

    values: np.ndarray
    slopes: np.ndarray
    coefficients: np.ndarray


class CellSpace(ABC):
    """n solved states in some space of functions of the cell: the arrays of their text, and the
    linear problems of their derivative.

    corrector : N, (m, n, q)
    """

    m: int
    d: int
    macro: MacroState
    tables: NamedTables
    corrector: np.ndarray

    @abstractmethod
    def response(self, flux: np.ndarray, source: np.ndarray) -> Response:
        """w with L w = div flux - source: flux (m, d, n, q), source (m, n, q), whose mean does not
        count.
        """

    @abstractmethod
    def mean(self, array: np.ndarray) -> np.ndarray:
        """The means (...) over the cell of an array (..., q)."""

    def gathered(self, array: np.ndarray) -> np.ndarray:
        """An array (..., q) at the points of all processes."""
        return array


class SolvedSpace(CellSpace):
    """A space in which functions of another one can be looked at."""

    @abstractmethod
    def sampled(self, other: Any, found: Response) -> np.ndarray:
        """The values (m, n, q) here of functions of another space of the same backend."""


class GridSpace(SolvedSpace):
    """States on a Fourier grid."""

    def __init__(self, forms: Any, solver: StateSolver, macro: MacroState, modes: Any) -> None:
        grid = solver.grid
        self.m = solver.m
        self.d = solver.d
        self.macro = macro
        self.solver = StateSolver(forms, grid)
        data = self.solver.data(macro, modes)
        whole = (macro.count, *grid.shape)
        tables = {**forms.values(data), **forms.slopes(data)}
        self.tables = {
            name: {
                index: np.broadcast_to(a, whole).reshape(macro.count, -1) for index, a in t.items()
            }
            for name, t in tables.items()
        }
        self.operator = self.solver.operator(macro, modes)
        self.corrector = self._flat(grid.backward(modes))

    def response(self, flux: np.ndarray, source: np.ndarray) -> Response:
        grid = self.solver.grid
        shape = (1, self.macro.count, *grid.shape)
        modes = self.solver.responses(
            self.operator,
            flux.reshape(self.m, self.d, *shape),
            source.reshape(self.m, *shape),
        )[0]
        slopes = [self._flat(grid.derivative(modes, unit)) for unit in self.solver.units]
        return Response(self._flat(grid.backward(modes)), np.stack(slopes, axis=1), modes)

    def mean(self, array: np.ndarray) -> np.ndarray:
        return np.asarray(array.mean(axis=-1))

    def sampled(self, other: Any, found: Response) -> np.ndarray:
        grid = self.solver.grid
        return self._flat(grid.backward(grid.refined(found.coefficients, other.solver.grid)))

    def _flat(self, values: np.ndarray) -> np.ndarray:
        """(m, n, q) of (n, m, ...)."""
        return np.moveaxis(values, 1, 0).reshape(self.m, len(values), -1)


class ElementSpace(SolvedSpace):
    """States in finite element functions, with values (n, m, nodes) at the nodes of this
    process.
    """

    def __init__(
        self, forms: Any, states: ElementStates, macro: MacroState, modes: np.ndarray
    ) -> None:
        self.m = states.m
        self.d = states.d
        self.macro = macro
        self.states = states
        self.assembly = states.assembly
        own = ElementStates(forms, states.assembly)
        unknowns = [u.T.ravel() for u in modes]
        data = [own.data(macro.part(slice(k, k + 1)), u) for k, u in enumerate(unknowns)]
        parts = [{**forms.values(held), **forms.slopes(held)} for held in data]
        points = self.assembly.weights.shape
        self.tables = {
            name: {
                index: np.stack([np.broadcast_to(p[name][index], points) for p in parts])
                for index in table
            }
            for name, table in parts[0].items()
        }
        self._inverses = [own.inverse(part) for part in parts]
        self.corrector = np.stack([self.assembly.fields(u)[0] for u in unknowns], axis=1)

    def response(self, flux: np.ndarray, source: np.ndarray) -> Response:
        assembly = self.assembly
        balanced = source - self.mean(source)[..., None]
        found = []
        for k, inverse in enumerate(self._inverses):
            found.append(inverse(flux[:, :, k], balanced[:, k]))
        fields = [assembly.fields(w) for w in found]
        values, slopes = (np.stack(parts, axis=-2) for parts in zip(*fields, strict=True))
        return Response(values, slopes, np.array([w.reshape(-1, self.m).T for w in found]))

    def mean(self, array: np.ndarray) -> np.ndarray:
        return self.assembly.mean(array)

    def sampled(self, other: Any, found: Response) -> np.ndarray:
        nodes = self.states.sampled(other.states, found.coefficients)
        values = [self.assembly.fields(u.T.ravel())[0] for u in nodes]
        return np.stack(values, axis=1)

    def gathered(self, array: np.ndarray) -> np.ndarray:
        return self.assembly.gathered(array)


class ReducedSpace(CellSpace):
    """States with the coefficients c (n, k) of a reduced law; linear problems by `law`, on another
    basis.
    """

    def __init__(self, law: ReducedLaw, states: ReducedBasis, macro: MacroState, c: Any) -> None:
        self.m = law.m
        self.d = law.d
        self.macro = macro
        self.law = law
        data = ReducedLaw(law.forms, states).data(macro, c)
        slopes = law.forms.slopes(data)
        self.tables = {**law.forms.values(data), **slopes}
        self.matrix = self.law.matrix(slopes, macro.count)
        self.corrector = _combined(c, states.values)

    def response(self, flux: np.ndarray, source: np.ndarray) -> Response:
        basis = self.law.basis
        c = self.law.responses(self.matrix, flux[:, :, None], source[:, None])[..., 0]
        return Response(_combined(c, basis.values), _combined(c, basis.slopes), c)

    def mean(self, array: np.ndarray) -> np.ndarray:
        return np.asarray(array @ self.law.weights)


class FeatureSpace(ReducedSpace):
    """States in the whole span of the features of a network."""

    def __init__(self, forms: Any, solver: FeatureSolver, macro: MacroState) -> None:
        span = solver.law_in_span
        super().__init__(ReducedLaw(forms, span.basis), span.basis, macro, span(macro)[1])
        self.solver = solver

    def response(self, flux: np.ndarray, source: np.ndarray) -> Response:
        found = super().response(flux, source)
        return found._replace(coefficients=self.solver.modes_of(self.law, found.coefficients))


def _combined(c: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Sums (*axes, n, q) of modes (k, *axes, q) with coefficients (n, k)."""
    *axes, q = modes.shape[1:]
    found = (c @ modes.reshape(len(modes), -1)).reshape(len(c), *axes, q)
    return np.moveaxis(found, 0, -2)


@dataclass(frozen=True)
class SecondOrder:
    """At n states: slow[k] is D_k N, second is N2; flux (m, d, n), reaction and storage (m, n) are
    what the law has at order eps, means of sums the largest part of which has the size `sizes`.
    """

    slow: tuple[Response, ...]
    second: Response
    arrays: Mapping[str, np.ndarray]
    sizes: Mapping[str, float]


def second_order(space: CellSpace, curvatures: np.ndarray) -> SecondOrder:
    """Of solved states at second derivatives (m, d, d, n) of u0."""
    return _SecondOrder(space, curvatures).solved()


class _SecondOrder:
    def __init__(self, space: CellSpace, curvatures: np.ndarray) -> None:
        self.space = space
        self.curvatures = curvatures
        self.slopes = space.macro.slopes
        self.points = (space.macro.count, space.corrector.shape[-1])
        self.flux_p = self.array("flux_p")

    def array(self, name: str) -> np.ndarray:
        """An array (*axes, n, q) of the text."""
        sizes = {"m": self.space.m, "d": self.space.d}
        integrand, _, letters = name.partition("_")
        axes = CELL_AXES[integrand] + _AXES.get(letters, "")
        return dense(self.space.tables, name, [sizes[c] for c in axes], self.points)

    def solved(self) -> SecondOrder:
        space = self.space
        along = range(space.d)
        slow = tuple(space.response(self.along("flux", k), self.along("source", k)) for k in along)
        change = np.stack([field.values for field in slow], axis=1)  # D_k N_j: (m, d, n, q)
        first = self.taylor("flux") + _twice(self.flux_p, change)
        second = space.response(first, -self.source(slow))
        parts = {
            "flux": [
                first,
                _twice(self.flux_p, second.slopes),
                _once(self.array("flux_N"), second.values),
            ],
            "reaction": [
                self.taylor("reaction"),
                _twice(self.array("reaction_p"), change + second.slopes),
                _once(self.array("reaction_N"), second.values),
            ],
            "storage": [_once(self.array("storage_u"), space.corrector)],
        }
        arrays = {name: space.mean(sum(own)) for name, own in parts.items()}
        sizes = {name: self.size(own) for name, own in parts.items()}
        return SecondOrder(slow, second, arrays, sizes)

    def size(self, parts: Sequence[np.ndarray]) -> float:
        """Of a sum, before its parts cancel."""
        return max(float(self.space.mean(np.abs(a)).max(initial=0.0)) for a in parts)

    def along(self, name: str, k: int) -> np.ndarray:
        """The derivative of an integrand along x_k, N held."""
        by_slopes = self.array(f"{name}_p") + self.array(f"{name}_xi")
        found = np.einsum("...jnq,jn->...nq", self.array(f"{name}_u"), self.slopes[:, k])
        found = found + np.einsum("...jmnq,jmn->...nq", by_slopes, self.curvatures[:, :, k])
        return np.asarray(found + self.array(f"{name}_x")[..., k, :, :])

    def taylor(self, name: str) -> np.ndarray:
        """A_u N + B_uu N^2/2, of an integrand A + B_u N."""
        n = self.space.corrector
        return _once(self.array(f"{name}_u"), n) - _once(_once(self.array(f"{name}_Nu"), n), n) / 2

    def source(self, slow: tuple[Response, ...]) -> np.ndarray:
        """D_k( A + B_u N )_k - g_u N - G + f - d_t b, (m, n, q)."""
        by_correctors = self.array("flux_N")
        found = self.array("load") - self.array("reaction") - self.array("storage_t")
        for k, field in enumerate(slow):
            found = found + self.along("flux", k)[:, k]
            found = found + _twice(self.flux_p[:, k], field.slopes)
            found = found + _once(by_correctors[:, k], field.values)
        storage = self.array("storage_u")
        if not storage.any():
            return found
        # The rate of u0 is what the law says; one that it leaves open has no part in this.
        mean = np.moveaxis(self.space.mean(storage), -1, 0)
        rate = np.linalg.pinv(mean) @ self.space.mean(found).T[..., None]
        return np.asarray(found - np.einsum("ijnq,nj->inq", storage, rate[..., 0]))


def _once(array: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Summed over the last axis of unknowns: (..., m, n, q) with (m, n, q)."""
    return np.asarray(np.einsum("...jnq,jnq->...nq", array, by))


def _twice(array: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Summed over the last axes of unknowns and coordinates."""
    return np.asarray(np.einsum("...jmnq,jmnq->...nq", array, by))
