"""`stability`: Bloch waves of a state of finite strain."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ...problem.errors import ProblemError, UnsupportedError, shortened, warn_tolerance
from ...problem.html_text import html_table
from ...problem.pictures import Drawing
from ...problem.user_input import instance
from ...runtime.fourier.states import MacroState
from ...runtime.levels import SAFETY
from ...runtime.strain_branch import follow
from ..arguments import as_numbers
from ..result_pictures import draw_stability
from .law_solution import LawSolution
from .macro_states import Question, read_states
from .state_sources import require_found
from .strain_branches import require_end


@dataclass(frozen=True)
class Stability:
    """How stable one state of finite strain is against waves e^{i k.y} w(y), w periodic.

    beta       : min <D_k w : C_T : D_k w>/<|D_k w|^2> over w and the sampled k, D_k = grad + ik:
                 in the units of the tangent C_T, from above
    wavevector : k of the least beta, (d,), in the units of 1/y; 0 stands for k -> 0
    direction  : of k, (d,)
    estimate   : of the error of beta, by another grid for the state and more modes of w
    stable     : whether beta is positive, by a margin of 1/1000 of the least stiffness
    sampled    : (|k|, beta) of every sampled k

    >>> buckled = nh.Stability(-0.1, (0.0, 0.0), (0.0, 1.0), 1e-4, stable=False)
    >>> any(buckled.wavevector)  # waves that are long beside the cell
    False
    """

    beta: float
    wavevector: tuple[float, ...]
    direction: tuple[float, ...]
    estimate: float
    stable: bool
    sampled: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    def plot(self) -> Drawing:
        """beta of the sampled k over their lengths; zero is marked."""
        return draw_stability(self)

    def _repr_html_(self) -> str:
        rows = (
            ("stable", "yes" if self.stable else "no"),
            ("beta", f"{self.beta:.6g}"),
            ("estimated error", f"{self.estimate:.1e}"),
            ("wavevector", _row(self.wavevector)),
            ("direction", _row(self.direction)),
        )
        return html_table((), rows, "Bloch waves of a state of finite strain")


def stability(
    law: LawSolution, F: ArrayLike, *, x: ArrayLike | None = None, t: ArrayLike | None = None
) -> Stability:
    """Bloch waves at the state of the deformation gradient F = I + grad u0, (d, d), on the branch
    I + s (F - I), 0 <= s <= 1, from no strain, whatever instabilities are on it.

    x, t : where the law depends on them

    A state that is not stable is no local minimum of the energy over many cells, and one cell does
    not give the law (Geymonat, Mueller, Triantafyllidis 1993). Stable is a statement about the
    sampled k (8 per axis in the plane, 4 in space) and modes. ToleranceWarning where the estimate
    leaves its sign open; SolveError where the branch ends before F.

    >>> s = nh.Scales(2)
    >>> u = s.unknown("u", components=2)
    >>> F = sp.eye(2) + s.grad(u)
    >>> stress = F - F.inv().T * (1 - sp.log(F.det()))
    >>> flux = (2 + sp.sin(2 * sp.pi * s.y[0])) * stress
    >>> equation = sp.Eq(-s.div(flux), sp.zeros(*u.shape))
    >>> law = nh.solve_law(nh.homogenize(nh.MultiscaleProblem(equation, scales=s, unknown=u)))
    >>> nh.stability(law, [[1, 0], [0, 0.98]]).stable
    True
    """
    law = instance(law, LawSolution, "the law", "write law = solve_law(model)")
    if not law.model.finite_strain:
        raise UnsupportedError(
            "the stability of a law that is not of finite strain: monotone fluxes are stable",
            term=law.model.title,
            remedy="leave it out",
        )
    macro = _strained(law, F, x, t)
    coarse, fine = law.strain_spaces
    branch = follow(coarse, macro, through=True)
    require_end(branch, macro)
    found = coarse.waves(branch.macro, branch.states, 1).waves()
    least = min(found, key=lambda wave: wave.beta)
    states = fine.solve(branch.macro, fine.refined(branch.states.modes, coarse))
    require_found(states, branch.macro)
    more = fine.waves(branch.macro, states, 2)
    wave = more.wave(np.array(least.fractions), np.array(least.direction))
    estimate = abs(wave.beta - least.beta) * SAFETY / fine.change_of_errors(coarse)
    stable = wave.beta > more.margin
    if abs(wave.beta) <= estimate:
        warn_tolerance(
            f"the least beta is {wave.beta:.2g}, known to {estimate:.1g} by other grids and modes:"
            " its sign is open"
        )
    known = (wave.beta, wave.wavevector, wave.direction, estimate, stable)
    lengths = [float(np.linalg.norm(at.wavevector)) for at in found]
    return Stability(*known, tuple(zip(lengths, (at.beta for at in found), strict=True)))


def _row(numbers: tuple[float, ...]) -> str:
    return f"({', '.join(f'{number:.4g}' for number in numbers)})"


def _strained(
    law: LawSolution, F: ArrayLike, x: ArrayLike | None, t: ArrayLike | None
) -> MacroState:
    d = law.model.problem.scales.dim
    remedy = f"give F of shape ({d}, {d}), the identity where nothing is strained"
    deformed = as_numbers(F, "F", remedy)
    if deformed.shape != (d, d) or np.linalg.det(deformed) <= 0:
        raise ProblemError("F is no deformation gradient", term=shortened(F), remedy=remedy)
    return read_states(
        law.model,
        law.parameters,
        law.forms.SLOW,
        Question(grad=deformed - np.eye(d), x=x, t=t),
        needs_grad=True,
        needs_value=False,
        needs_places=tuple(map(str, law.model.state.places)),
    ).macro
