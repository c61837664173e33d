"""The verdict of a cross-validation, from evidence that is independent of the solvers it judges.

No solver's estimate of itself decides between two of them. Where two disagree and nothing decides,
the verdict says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

# Largest part of the homogenization error that another error may have.
_SHARE = 0.2
# Errors below this pass, also where the homogenization error itself vanishes.
_FLOOR = 1e-6
# Estimate of a reference up to which it judges solutions of an equation where nothing oscillates.
_PLAIN = 1e-4
# Relative error of a backend's effective coefficients that is named beside a boundary value
# problem, however large the homogenization error: smaller ones are those of a loose tolerance.
HIDDEN = 3e-3
# The same of two solutions of one homogenized equation, and of two fine solutions: where their
# estimates say that they are known well, so many times what these account for, and no less than the
# first; where they do not, the second.
_TIMES = 3.0
_LEAST_HIDDEN, _HIDDEN_MACRO = 1e-4, 1e-3
# A homogenization error falls with eps where it is below this part of that of a larger eps.
_FALLS = 0.9
FEWEST_PERIODS = 2.0
"""Periods across the domain below which its scales are not separated."""


class Verdict(Enum):
    """The outcome of a cross-validation; the text names the likely cause and the argument to
    change."""

    AGREEMENT = "PINN and FEM agree: what remains is the homogenization error, where there is one."
    REFERENCE_TOO_COARSE = (
        "The fine solution is not resolved well enough to judge the others: raise per_period=, "
        "or take a larger eps."
    )
    LAW_TOO_COARSE = (
        "The law of the nonlinear cells is not known well enough at the points of the homogenized "
        "equation. Lower tolerance=, or smooth the data."
    )
    CELLS_DISAGREE = (
        "The PINN's cell problems are off: by more than a fifth of the homogenization error, or "
        "from what judges them without a solver. Lower tolerance=, or change the method or width "
        "in pinn={...}."
    )
    FEM_CELLS_DISAGREE = (
        "The FEM cell problems are off, the PINN's are not: by more than a fifth of the "
        "homogenization error, or from what judges them without a solver. Lower tolerance=, or "
        "take the other backend by fem=."
    )
    THIRD_CELLS_DISAGREE = (
        "The cell problems of the third backend are off; those of PINN and FEM agree. Take the "
        "effective coefficients of another one, solve_cells(model, backend=...)."
    )
    NOT_COMPARED = (
        "The PINN, or every other backend, does not cover this problem: there is nothing to "
        "compare; the evidence says why. Change the method in pinn={...}, or the backend by fem=."
    )
    EXPANSION_FAILS = (
        "The backends agree, but the expansion does not converge to the exact solution at its "
        "rate. Look at report.expansion, nh.bloch(model, eps=...), and at the conditions in "
        "model.derivation."
    )
    MACRO_DISAGREES = (
        "The PINN's homogenized solution is off: its share of the error is not small beside the "
        "homogenization error, or above what the estimates account for. Change the method, width "
        "or points in pinn={...}; look for a singularity of the data."
    )
    FEM_MACRO_DISAGREES = (
        "The FEM's homogenized solution is off; another FEM backend agrees with the PINN. "
        "Take that one by fem=."
    )
    REFERENCE_DISAGREES = (
        "The fine solutions by two FEM backends differ by more than their estimates, so neither "
        "judges the others. Take the other backend by fem=, raise per_period=, and see which "
        "answer stays."
    )
    UNDECIDED = (
        "PINN and FEM disagree, and nothing independent decides between them. Lower tolerance=, "
        "change the method in pinn={...} or the backend by fem=, and see which answer stays."
    )
    PINN_DISAGREES = (
        "The PINN's solution is off, the FEM's is not. Change the method, width or features in "
        "pinn={...}; look for a singularity of the data."
    )
    FEM_DISAGREES = (
        "The FEM's solution is off, the PINN's is not. Lower tolerance=, or take the other backend "
        "by fem=."
    )
    EXACT_DISAGREES = (
        "PINN and FEM agree with each other, and not with exact=. Check that expression, and the "
        "conditions on the boundary and at the start."
    )
    NO_SCALE_SEPARATION = (
        f"The domain holds fewer than {FEWEST_PERIODS:.0f} periods: homogenization says nothing "
        "about so large an eps. Take a smaller eps=."
    )
    NOT_THE_LIMIT = (
        "PINN and FEM agree on the homogenized solution, but its error does not fall with eps: it "
        "may not be the limit, or eps is still too large for it. Take a smaller eps=; look at the "
        "conditions in model.derivation."
    )


@dataclass(frozen=True)
class Findings:
    """What is known beside the budget of a report; shares are relative to ||u_eps||.

    oracle   : what the cells are judged by ("" where there is nothing independent); fem_cell: the
               share of the FEM cells against it, between: of the cells of PINN and FEM against
               each other.
    periods  : the fewest across the domain, along an axis of oscillation.
    coarse   : why the reference does not resolve its data, or "".
    larger   : (eps, homogenization error) of larger eps.
    pinn_off, fem_off: distances of the homogenized solutions, cells by PINN, to u_eps.
    third    : a finite element backend that has no part in the comparison, asked where the two
               disagree ("" where there is none); pinn_third, fem_third: distances to its solution.
    checked    : the backend that the fine solution at a larger eps was compared with, or "".
    other_fine : distance of the fine solution at a larger eps to that of another FEM backend, with
               what their estimates account for taken off.
    macro_estimates, fine_estimates : what both homogenized, and both fine solutions say of their
               errors, added; infinite where that is not known.
    """

    oracle: str = ""
    fem_cell: float = 0.0
    between: float = 0.0
    periods: float = math.inf
    coarse: str = ""
    larger: tuple[tuple[str, float], ...] = ()
    pinn_off: float = math.nan
    fem_off: float = math.nan
    third: str = ""
    pinn_third: float = math.nan
    fem_third: float = math.nan
    other_fine: float = 0.0
    checked: str = ""
    macro_estimates: float = math.inf
    fine_estimates: float = math.inf


def verdict_of_budget(budget: Mapping[str, float], findings: Findings | None = None) -> Verdict:
    """The verdict: shares above a fifth of the homogenization error are named, the reference
    first."""
    found = Findings() if findings is None else findings
    limit = _limit(budget, found)
    if found.periods < FEWEST_PERIODS:
        return Verdict.NO_SCALE_SEPARATION
    if found.coarse or not budget["reference"] <= limit:
        hidden = budget["macro"] > _hidden(found.macro_estimates) and found.third
        return (_by_third(found) if hidden else None) or Verdict.REFERENCE_TOO_COARSE
    if not budget.get("law", 0.0) <= limit:
        return Verdict.LAW_TOO_COARSE
    verdict = _cells(budget, found, limit) or _macro(budget, found, limit)
    if verdict is not None:
        return verdict
    if not found.other_fine <= _hidden(found.fine_estimates):
        return Verdict.REFERENCE_DISAGREES
    if falls(budget, found) is not False:
        return Verdict.AGREEMENT
    return Verdict.NOT_THE_LIMIT


def largest_share(homogenization: float) -> float:
    """The largest error beside that of homogenization by which a solution still judges others."""
    return max(_SHARE * homogenization, _FLOOR)


def _limit(budget: Mapping[str, float], found: Findings) -> float:
    """The largest share that an error other than that of homogenization may have. Where nothing
    oscillates there is none of homogenization: solutions agree as far as the reference tells."""
    share = largest_share(budget["homogenization"])
    reference = budget["reference"]
    plain = found.periods == math.inf and budget["homogenization"] <= reference <= _PLAIN
    if plain:
        return max(share, reference)
    return share


def _hidden(estimates: float) -> float:
    """The difference of two solutions of one equation that is named however large the
    homogenization error is. A wrong solver may move the solution of an evolution by far less than
    its coefficients are off; where estimates are small, so are the differences that they allow."""
    told = _TIMES * estimates
    if not told < _HIDDEN_MACRO:
        return _HIDDEN_MACRO
    return max(_LEAST_HIDDEN, told)


def _cells(budget: Mapping[str, float], found: Findings, limit: float) -> Verdict | None:
    """Which cell problems are off, by an oracle; None where none are. (Those outside of their
    bounds are an error of `solve_cells`.)"""
    if not found.oracle:
        if found.between <= limit:
            return None
        return Verdict.UNDECIDED
    pinn = budget["cell"] <= limit
    fem = found.fem_cell <= limit
    if pinn and fem:
        return None
    if pinn or fem:
        if pinn:
            return Verdict.FEM_CELLS_DISAGREE
        return Verdict.CELLS_DISAGREE
    return Verdict.UNDECIDED


def _macro(budget: Mapping[str, float], found: Findings, limit: float) -> Verdict | None:
    """Two solutions of one homogenized equation that differ by more than a fifth of the
    homogenization error, or, however large that is, by more than their estimates account for.

    A third backend decides, for the one that is at most half as far from it. Where there is none,
    the fine solution decides against the PINN's where it is farther from it than the other one by
    half of what they differ."""
    if budget["macro"] <= min(limit, _hidden(found.macro_estimates)):
        return None
    if found.third:
        return _by_third(found) or Verdict.UNDECIDED
    lead = found.pinn_off - found.fem_off
    if lead <= budget["macro"] / 2:
        return Verdict.UNDECIDED
    return Verdict.MACRO_DISAGREES


def _by_third(found: Findings) -> Verdict | None:
    """Whose homogenized solution is off, by a third backend; it needs no reference."""
    if found.fem_third <= found.pinn_third / 2:
        return Verdict.MACRO_DISAGREES
    if found.pinn_third <= found.fem_third / 2:
        return Verdict.FEM_MACRO_DISAGREES
    return None


def needs_third(budget: Mapping[str, float], found: Findings) -> bool:
    """Whether the homogenized solutions by PINN and FEM disagree."""
    limit = min(_limit(budget, found), _hidden(found.macro_estimates))
    return not budget["macro"] <= limit


def falls(budget: Mapping[str, float], findings: Findings) -> bool | None:
    """Whether the homogenization error is below those of larger eps; None where that was not seen,
    they contradict each other, or it is too small to tell."""
    here = budget["homogenization"]
    if not findings.larger or here <= max(_FLOOR, 5 * budget["reference"]):
        return None
    below = {here <= _FALLS * error for _, error in findings.larger}
    if len(below) > 1:
        return None
    return below.pop()


def evidence(budget: Mapping[str, float], findings: Findings, eps: str) -> Iterator[str]:
    """What the verdict rests on, in sentences."""
    here = budget["homogenization"]
    if findings.periods < math.inf:
        yield f"the domain holds {findings.periods:.4g} periods"
    if findings.coarse:
        yield f"the fine mesh does not resolve its data: {findings.coarse}"
    if findings.oracle:
        yield (
            f"cells against {findings.oracle}: PINN {budget['cell']:.1e}, "
            f"FEM {findings.fem_cell:.1e} of ||u_eps||"
        )
    else:
        yield (
            "no bounds and no third method apply to these cells: PINN and FEM differ by "
            f"{findings.between:.1e} of ||u_eps||"
        )
    if needs_third(budget, findings):
        yield (
            f"u0 by PINN and by FEM, with the same cells, differ by {budget['macro']:.1e}; they "
            "are "
            f"{findings.pinn_off:.3g} and {findings.fem_off:.3g} from u_eps"
        )
    if findings.third:
        yield (
            f"u0 by {findings.third} is {findings.pinn_third:.1e} from that by PINN, "
            f"{findings.fem_third:.1e} from that by FEM"
        )
    if findings.other_fine:
        yield (
            "fine solutions by two FEM backends at a larger eps differ by "
            f"{findings.other_fine:.1e} beyond their estimates"
        )
    if not findings.checked:
        yield "the fine solution was compared with that of no other FEM backend"
    for larger, error in findings.larger:
        yield f"homogenization error {error:.3g} at eps = {larger}, {here:.3g} at eps = {eps}"
    found = falls(budget, findings)
    if found:
        yield "so it falls with eps"
    if found is None and findings.larger:
        yield "these values do not tell whether it falls with eps"
    if not findings.larger:
        yield "no second eps was solved: whether the error falls with eps was not seen"
