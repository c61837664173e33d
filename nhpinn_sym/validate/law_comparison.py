"""The law of a nonlinear model by every backend, against each other and against what none of them
has a part in (`law_judges`).

Backends are rows of `law_backends`: each gives flux, tangent, energy, reaction and storage at the
same macroscopic states. `judge_cells` reads the result as it reads that of linear cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp

from ..derive.nonlinear.model import NonlinearModel
from ..emit import nonlinear_text
from ..emit.source import load
from ..lower.nonlinear import lower_state
from ..problem.errors import (
    BackendMissingError,
    JumpError,
    NhpinnError,
    SolvabilityError,
    SolveError,
    UnsupportedError,
)
from ..problem.user_input import parameter_numbers
from ..runtime.arrays import Array
from ..runtime.fourier.states import MacroState
from ..solve.backend_choice import points_needed
from ..solve.backends import other_elements
from ..solve.law.law_solution import LawSolution
from ..solve.law.solve_law import law_resolution
from ..solve.law.tried_states import tried_states
from .cell_entries import distance
from .law_judges import LawJudges
from .stored_parts import Store, StoredArrays

LawVerb = Callable[[str], LawSolution]
"""backend -> the law, solved by it."""

# Difference of laws, relative to the largest entry of each array, up to which backends agree.
_AGREE = 1e-4
# What a backend's own estimate, times the first, may add to that, and the most that it may.
_ADMITTED = 2.0
_MOST_ADMITTED = 2e-3
# Share of the largest below which what an equation has is not told from zero.
_NEGLIGIBLE = 1e-4
# Axes of the tangents of a system: states, equation, its direction, unknown, its direction.
_OF_SYSTEMS = 5


@dataclass(frozen=True)
class LawComparison:
    """What the comparison of the laws of one model found.

    known   : {backend: arrays by name}, the states in front
    refused : backend -> why it does not cover the state problem; failed: why its solve was an error
    checks  : {backend: {check: distance}}, of what is independent of the solvers; relative
    """

    macro: MacroState
    known: Mapping[str, StoredArrays]
    refused: Mapping[str, str]
    failed: Mapping[str, str]
    checks: Mapping[str, Mapping[str, float]]
    bounds: tuple[Array, Array] | None
    limit: float = _AGREE

    def between(self, one: str, other: str) -> float:
        """The largest difference of two laws."""
        first, second = _arrays(self.known[one]), _arrays(self.known[other])
        told = self.admitted(one) + self.admitted(other)
        return max(distance(first, second)[0], _beside_larger(first, second, told))

    def third(self, fem: str) -> str:
        """The backend that judges between nets and these elements; "" where they or it are
        missing.
        """
        others = [name for name in self.known if name not in (fem, "pinn")]
        return others[0] if others and fem in self.known else ""

    def admitted(self, name: str) -> float:
        """The part of a difference that the backend's own estimate accounts for."""
        return min(_ADMITTED * float(self.known[name]["estimate"]), _MOST_ADMITTED)

    def as_dict(self) -> dict[str, Any]:
        """What a report holds, as `CellComparison.as_dict`. "A" is the tangent; of a
        Hamilton-Jacobi equation the slope of its hamiltonian.
        """
        names = dict.fromkeys(name for table in self.known.values() for name in _arrays(table))
        table: dict[str, dict[str, Any]] = {
            name: {b: held[name] for b, held in self.known.items() if name in held}
            for name in names
        }
        table["A"] |= {"bounds": None, "closed form": None}
        if self.bounds is not None and "energy" in table:
            table["energy"]["bounds"] = self.bounds
        pairs = list(combinations(self.known, 2))
        allowed = {b: self.limit + self.admitted(b) for b in self.known}
        return {
            **table,
            "states": {
                "grad": np.moveaxis(self.macro.slopes, -1, 0),
                "u": np.moveaxis(self.macro.values, -1, 0),
                **{name: value for name, value in self.macro.others.items() if np.ndim(value)},
            },
            "functions": {},
            "functions against": "",
            "checks": {name: dict(found) for name, found in self.checks.items()},
            "differences": {f"{a}, {b}": self.between(a, b) for a, b in pairs},
            "allowed": {f"{a}, {b}": max(allowed[a], allowed[b]) for a, b in pairs},
            "limits": allowed,
            "hidden": self.limit,
            **{key: self._said(key, float) for key in ("fredholm", "seconds")},
            "estimates": self._said("estimate", float),
            "methods": self._said("method", str),
            "refused": dict(self.refused),
            "failed": dict(self.failed),
            "expansions": {},
        }

    def _said(self, key: str, kind: Callable[[Any], Any]) -> dict[str, Any]:
        return {name: kind(held[key]) for name, held in self.known.items()}


def law_backends(model: NonlinearModel, fem: str, smooth: bool) -> tuple[str, ...]:
    """The finite elements, a third one, and the PINN."""
    third = "fourier" if smooth else other_elements(fem) or "fourier"
    return tuple(dict.fromkeys((fem, third, "pinn")))


def compare_laws(
    model: NonlinearModel,
    solve: LawVerb,
    fem: str,
    parameters: Mapping[sp.Symbol, float] | None,
    tolerance: float | None,
    store: Store,
) -> LawComparison:
    """Solve the law by PINN, `fem` and a third backend at a few states, and compare.

    Errors: those of a backend that it does not cover the states are kept (`refused`), those of its
    solve too (`failed`); the first is raised where no backend solves them, SolvabilityError always.
    """
    forms = load(nonlinear_text.state(lower_state(model.state, model.title)), "state_numpy")
    numbers = parameter_numbers(parameters, model.problem.parameters)
    macro = tried_states(model, forms, {name: numbers[name] for name in forms.PARAMETERS})
    resolution = law_resolution(model, numbers)
    known: dict[str, StoredArrays] = {}
    errors: dict[str, NhpinnError] = {}
    for name in law_backends(model, fem, smooth=not forms.JUMPS):
        try:
            known[name] = store.arrays(f"law_{name}", partial(_solved, solve, name, macro))
        except SolvabilityError:
            raise
        except (UnsupportedError, JumpError, BackendMissingError, SolveError) as cause:
            errors[name] = cause
    if not known:
        raise next(iter(errors.values()))
    judges = LawJudges.of(model, forms, macro, resolution, points_needed(resolution))
    return LawComparison(
        macro,
        known,
        {n: str(e) for n, e in errors.items() if not isinstance(e, SolveError)},
        {n: str(e) for n, e in errors.items() if isinstance(e, SolveError)},
        {name: judges.check(arrays) for name, arrays in known.items()},
        judges.energy,
        _AGREE if tolerance is None else max(_AGREE, 10 * tolerance),
    )


def _solved(solve: LawVerb, backend: str, macro: MacroState) -> StoredArrays:
    return at_states(solve(backend), macro)


def at_states(law: LawSolution, macro: MacroState) -> StoredArrays:
    """The law at n states, as a part that is kept."""
    where = _asked(law, macro)
    if law.model.hamiltonian:
        return {
            "A": np.asarray(law.hamiltonian_slope(**where)),
            "hamiltonian": np.asarray(law.hamiltonian(**where)),
            **_said_of(law),
        }
    along = {name: value for name, value in where.items() if name != "grad"}
    state = law.model.state
    found: StoredArrays = {"flux": law.flux(**where), "A": law.tangent(**where)}
    if law.model.potential and law.elements is None:
        found["energy"] = np.asarray(law.energy(**where))
    if any(e != 0 for e in (*state.reaction, *state.cell_source)):
        found["reaction"] = np.asarray(law.reaction(**where))
    if state.timely:
        found["storage"] = np.asarray(law.storage(**along))
    return {**found, **_said_of(law)}


def _said_of(law: LawSolution) -> StoredArrays:
    keys = ("estimate", "fredholm", "seconds", "method")
    return {key: np.array(law.info[key]) for key in keys}


def _asked(law: LawSolution, macro: MacroState) -> dict[str, Any]:
    """The arguments of a law for these states."""
    m, d, n = macro.slopes.shape
    grads = np.moveaxis(macro.slopes, -1, 0)
    where: dict[str, Any] = {"grad": grads[:, 0] if m == 1 else grads}
    if law.model.state.depends_on_values:
        where["u"] = macro.values[0] if m == 1 else macro.values.T
    if any(name.startswith("x") for name in law.forms.SLOW):
        missing = np.zeros(n)
        columns = [macro.others.get(f"x{k + 1}", missing) for k in range(d)]
        where["x"] = np.stack(columns, axis=-1)
    if "t" in law.forms.SLOW:
        where["t"] = macro.others["t"]
    return where


def _beside_larger(one: Mapping[str, Array], other: Mapping[str, Array], told: float) -> float:
    """The largest difference of what two laws have in one equation, relative to that: an interface
    energy beside a mobility, a storage beside a conductivity. What the estimates account for beside
    the largest is taken off.
    """
    worst = 0.0
    for name in one.keys() & other.keys():
        largest = max(_size(one["A"]), _size(one[name]))
        parts = (_by_equation(held[name], one["A"].ndim) for held in (one, other))
        for first, second in zip(*parts, strict=True):
            beyond = max(0.0, _size(first - second) - told * largest)
            own = max(_size(first), _size(second), _NEGLIGIBLE * largest)
            worst = max(worst, beyond / own) if own else worst
    return worst


def _by_equation(held: Array, axes: int) -> Array:
    """The entries of each equation in front; `axes` are those of the tangent."""
    if axes < _OF_SYSTEMS:
        return held[None]
    return np.moveaxis(held, 1, 0)


def _size(values: Array) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _arrays(held: StoredArrays) -> dict[str, Array]:
    names = ("A", "flux", "energy", "reaction", "storage", "hamiltonian")
    return {name: np.asarray(held[name]) for name in names if name in held}
