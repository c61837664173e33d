"""u0 + eps N(x/eps; u0, grad u0), and eps^2 N2 with it: the expansions of a nonlinear problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...lower.forms import MultiIndex
from ...problem.errors import UnsupportedError
from ...runtime.fourier.states import MacroState
from ...runtime.reduced_basis import ReducedBasis
from ..exports import SolutionExtent
from ..interpolation import Array
from ..mean_field import MeanField
from ..solution import Solution
from .law_solution import LawSolution
from .macro_law import MacroLaw
from .mean_fields import jets_of
from .original_unknown import in_original
from .second_law import SecondLaw
from .state_sources import StateSource

# Of the width of the domain: for differences of coefficients that are known to 1e-12.
_STEP = 1e-5


@dataclass(frozen=True, eq=False, repr=False)
class LawReconstruction(Solution):
    """Result of `reconstruct` with a law. First derivatives only, the expansion is not accurate
    beyond them; they hold second derivatives of u0, but for Hamilton-Jacobi equations, whose u0 has
    none: there they are grad u0 + grad_y N, without terms of order eps.
    """

    u0: Solution
    law: LawSolution
    eps: float

    def __repr__(self) -> str:
        return f"{self.method}, u0 by {self.backend}, eps = {self.eps:g}"

    @property
    def extent(self) -> SolutionExtent:
        return self.u0.extent

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        d = self.dim
        units = np.eye(d, dtype=int)
        _require_first(indices)
        zero = (0,) * d
        firsts = [tuple(unit.tolist()) for unit in units]
        fields = self.u0.evaluate(points, [zero, *firsts], t).reshape(1 + d, len(points), -1)
        values = fields[0].T
        slopes = np.moveaxis(fields[1:], (0, 1, 2), (1, 2, 0))
        macro_law = MacroLaw(self.law)
        macro, c = macro_law.solved(points.T, 0.0 if t is None else t, values, slopes)
        found = []
        correctors = self._modes(macro_law, points / self.eps, zero)
        for index in indices:
            if not any(index):
                found.append(values + self.eps * np.einsum("nk,kmn->mn", c, correctors))
                continue
            axis = index.index(1)
            fast = np.einsum("nk,kmn->mn", c, self._modes(macro_law, points / self.eps, index))
            if self.law.model.hamiltonian:
                found.append(slopes[:, axis] + fast)
                continue
            seconds = [tuple((np.array(e) + units[axis]).tolist()) for e in firsts]
            change = self.u0.evaluate(points, [index, *seconds], t)
            change = change.reshape(1 + d, len(points), -1)
            turned = self.law.frame.slopes(np.moveaxis(change[1:], 2, 0))
            by = np.concatenate([change[0].T, turned.reshape(-1, len(points))])
            assert macro_law.reduced is not None
            columns = macro_law.reduced.columns(macro, c)
            slow = np.einsum("nkc,cn->nk", columns, by)
            if f"x{axis + 1}" in self.law.forms.SLOW:
                slow += _by_place(macro_law, macro, c, axis)
            slow = np.einsum("nk,kmn->mn", slow, correctors)
            found.append(slopes[:, axis] + fast + self.eps * slow)
        stacked = np.stack(found)
        return stacked[:, 0] if stacked.shape[1] == 1 else np.moveaxis(stacked, 1, 2)

    def _modes(self, macro_law: MacroLaw, y: Array, index: MultiIndex) -> Array:
        assert macro_law.basis is not None
        return _modes(macro_law.basis, macro_law.source, y, index)


@dataclass(frozen=True, eq=False, repr=False)
class SecondReconstruction(Solution):
    """U + eps N(x/eps; U, grad U) + eps^2 N2(x/eps; U, grad U, D^2 U) for the total U of mean
    fields. First derivatives only, without their terms of order eps^2.
    """

    mean: Solution
    law: SecondLaw
    eps: float

    def __repr__(self) -> str:
        return f"{self.method}, u0 by {self.backend}, eps = {self.eps:g}"

    @property
    def extent(self) -> SolutionExtent:
        return self.mean.extent

    def _values(self, points: Array, indices: Sequence[MultiIndex], t: float | None) -> Array:
        _require_first(indices)
        values, slopes, curvatures = jets_of(self.mean, points, t)
        states = self.law.solved(points.T, 0.0 if t is None else t, values, slopes, curvatures)
        eps = self.eps
        zero = (0,) * self.dim
        found = []
        for index in indices:
            fast = self._corrector(states.first, self.law.first_basis, points, index)
            second = self._corrector(states.second, self.law.basis, points, index)
            if index == zero:
                found.append(values + eps * (fast + eps * second))
                continue
            axis = index.index(1)
            slow = self._corrector(states.slow[axis], self.law.basis, points, zero)
            found.append(slopes[:, axis] + fast + eps * (slow + second))
        stacked = np.stack(found)
        return stacked[:, 0] if stacked.shape[1] == 1 else np.moveaxis(stacked, 1, 2)

    def _corrector(self, c: Array, basis: ReducedBasis, points: Array, index: MultiIndex) -> Array:
        """(m, n) of coefficients (n, k)."""
        modes = _modes(basis, self.law.macro.source, points / self.eps, index)
        return np.asarray(np.einsum("nk,kmn->mn", c, modes))


def _require_first(indices: Sequence[MultiIndex]) -> None:
    if any(sum(index) > 1 for index in indices):
        raise UnsupportedError(
            "a second derivative of a truncated expansion",
            term=indices,
            remedy="first derivatives are available",
        )


def _by_place(macro_law: MacroLaw, macro: MacroState, c: Array, axis: int) -> Array:
    """Derivatives (n, k) of the coefficients by a coordinate of the place alone, by differences
    inside of the domain.
    """
    name = f"x{axis + 1}"
    x = macro.others[name]
    domain = macro_law.law.model.problem.domain
    low, high = (x.min(), x.max()) if domain is None else domain.bounds[axis]
    step = _STEP * float(high - low)
    ends = np.clip(np.stack([x - step, x + step]), float(low), float(high))
    assert macro_law.reduced is not None
    before, after = (
        macro_law.reduced(replace(macro, others={**macro.others, name: end}), c)[1] for end in ends
    )
    return np.asarray((after - before) / (ends[1] - ends[0])[:, None])


def _modes(basis: ReducedBasis, source: StateSource, y: Array, index: MultiIndex) -> Array:
    """D^index of the modes (k, m, n) at points (n, d) of the cell."""
    if not basis.count:
        return np.zeros((0, basis.values.shape[1], len(y)))
    return source.evaluate(basis, y, index)


def reconstruct_with_law(u0: Solution | MeanField, law: LawSolution, eps: float) -> Solution:
    """u0 + eps N(x/eps; u0, grad u0), for mean fields with the second corrector; with a change of
    unknown beta(x/eps, .) of that.
    """
    law.model.state.require_diffusion("an expansion")
    mean = u0.total(eps) if isinstance(u0, MeanField) else u0
    order = 2 if isinstance(u0, MeanField) else 1
    info = {
        "eps": eps,
        "u0": dict(mean.info),
        "law": dict(law.info),
        "estimate": mean.info["estimate"],
    }
    method = f"expansion to order {order}, law by {law.backend}"
    found: Solution
    if order == 2:
        found = SecondReconstruction(mean.backend, method, info, mean, SecondLaw(law), eps)
    else:
        found = LawReconstruction(mean.backend, method, info, mean, law, eps)
    return in_original(found, law.model.change, eps, law.parameters)
