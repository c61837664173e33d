"""Verdicts from what a report holds: on cells and expansion, on boundary value problems, on plain
PDEs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from .budget_verdict import HIDDEN, Findings, verdict_of_budget
from .budget_verdict import Verdict as Verdict

# Backends among which two outvote one.
_DECIDE = 3
# An exact solution is off where both are farther from it, in terms of their own difference and of
# FEM's estimate, than the first; nothing below the second is told from rounding.
_OFF, _ROUNDING = 10.0, 1e-8
# By how much an observed rate may fall short of the expected one: it is reached as eps falls.
_SHORT = 0.5
_ON_CELLS = (Verdict.CELLS_DISAGREE, Verdict.FEM_CELLS_DISAGREE, Verdict.UNDECIDED)
# What verdicts say where nothing is homogenized.
_PLAIN_TEXTS = {
    Verdict.AGREEMENT: "PINN and FEM agree on the solution.",
    Verdict.REFERENCE_TOO_COARSE: (
        "The finest FEM solution is not resolved well enough to judge the other: give exact=, or "
        "smooth the data, or look for a layer or a singularity that meshes do not reach."
    ),
}
_NAMED = (Verdict.CELLS_DISAGREE, Verdict.FEM_CELLS_DISAGREE, Verdict.THIRD_CELLS_DISAGREE)


def suspects(cells: Mapping[str, Any], least: float = 0.0) -> dict[str, str]:
    """{backend: what says that its cells are wrong}, from `Report.cells`: an error of its solve, a
    check that none of the solvers has a part in, an expansion that does not converge while another
    one does, or two others that agree with each other and not with it. `least`: what counts at all.
    """
    found = {name: f"fails: {why.splitlines()[0]}" for name, why in cells["failed"].items()}
    for name, checks in cells["checks"].items():
        for check, value in checks.items():
            if not _number(value) <= max(cells["limits"][name], least):
                found.setdefault(name, f"is off by {_number(value):.1e}: {check}")
    return found or _by_expansion(cells["expansions"]) or _outvoted(cells, least)


def _by_expansion(expansions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    seen = {name: converges(e) for name, e in expansions.items()}
    if True not in seen.values():
        return {}
    return {
        name: f"has an expansion that converges at the rate {_number(expansions[name]['rate']):.2f}"
        f", not {expansions[name]['expected']}"
        for name, right in seen.items()
        if right is False
    }


def _outvoted(cells: Mapping[str, Any], least: float) -> dict[str, str]:
    names = list(cells["checks"])
    pairs: Mapping[str, float] = cells["differences"]
    agreeing = [pair for pair, value in pairs.items() if _number(value) <= cells["allowed"][pair]]
    if len(names) < _DECIDE or len(agreeing) != 1:
        return {}
    held = agreeing[0].split(", ")
    (odd,) = [name for name in names if name not in held]
    nearest = min(_number(value) for pair, value in pairs.items() if odd in pair.split(", "))
    text = f"differs by {nearest:.1e} from {held[0]} and {held[1]}, which agree"
    if nearest <= least:
        return {}
    return {odd: text}


def agree(cells: Mapping[str, Any]) -> bool:
    """Whether the effective coefficients of all backends do."""
    pairs = cells["differences"].items()
    return all(_number(value) <= cells["allowed"][pair] for pair, value in pairs)


def judge_cells(
    cells: Mapping[str, Any], expansion: Mapping[str, Any], fem: str, least: float = 0.0
) -> Verdict:
    """The verdict on cells and expansion, from `Report.cells` and `Report.expansion`; `fem` is the
    backend that is compared with the PINN, `least` the relative error of a cell problem that counts
    at all."""
    off = suspects(cells, least)
    if "pinn" in off:
        return Verdict.CELLS_DISAGREE
    if off:
        if fem in off:
            return Verdict.FEM_CELLS_DISAGREE
        return Verdict.THIRD_CELLS_DISAGREE
    if "pinn" not in cells["checks"] or len(cells["checks"]) == 1:
        return Verdict.NOT_COMPARED
    if not agree(cells):
        return Verdict.UNDECIDED
    if converges(expansion) is False:
        return Verdict.EXPANSION_FAILS
    return Verdict.AGREEMENT


def judge_all(
    budget: Mapping[str, float],
    findings: Findings,
    cells: Mapping[str, Any],
    expansion: Mapping[str, Any],
    fem: str,
) -> Verdict:
    """The verdict where a boundary value problem was solved too. Its budget says which errors
    matter; what judges the cells alone says whose they are, and names errors of more than
    a few thousandths, of laws those of more than their estimates, also where a large
    homogenization error hides them."""
    verdict = verdict_of_budget(budget, findings)
    named = judge_cells(cells, expansion, fem, cells.get("hidden", HIDDEN))
    if verdict in _ON_CELLS and named in _NAMED:
        return named
    unlike = (*_NAMED, Verdict.EXPANSION_FAILS, Verdict.NOT_COMPARED)
    if verdict is Verdict.AGREEMENT and named in unlike:
        return named
    if verdict is Verdict.REFERENCE_TOO_COARSE and named in _NAMED:
        return named  # what judges the cells needs no reference
    return verdict


def judge_plain(errors: Mapping[str, float | None], found: Mapping[str, Any]) -> Verdict:
    """The verdict where a PDE itself was solved: from the errors against the exact solution, or
    from the difference and a third backend."""
    limit = found["limit"]
    if found["refused"]:
        return Verdict.NOT_COMPARED
    pinn, fem, between = (_number(errors[name]) <= limit for name in ("pinn", "fem", "difference"))
    if found["exact"]:
        if pinn and fem:
            known = max(_number(errors["difference"]), _number(found["reference"]))
            off = _number(errors["fem"]) > max(_OFF * known, _ROUNDING)
            return Verdict.EXACT_DISAGREES if off else Verdict.AGREEMENT
        if pinn or fem:
            if pinn:
                return Verdict.FEM_DISAGREES
            return Verdict.PINN_DISAGREES
        if between:
            return Verdict.EXACT_DISAGREES
        return Verdict.UNDECIDED
    if not _number(found["reference"]) <= limit:
        return Verdict.REFERENCE_TOO_COARSE
    if between:
        return Verdict.AGREEMENT
    if found["third"]:
        pinn_third, fem_third = _number(found["pinn_third"]), _number(found["fem_third"])
        if fem_third <= pinn_third / 2:
            return Verdict.PINN_DISAGREES
        if pinn_third <= fem_third / 2:
            return Verdict.FEM_DISAGREES
    return Verdict.UNDECIDED


def plain_evidence(errors: Mapping[str, float], found: Mapping[str, Any]) -> Iterator[str]:
    """What `judge_plain` rests on, in sentences."""
    if found["refused"]:
        yield f"pinn has no solution: {found['refused']}"
    against = "the exact solution" if found["exact"] else "the finest FEM solution"
    yield f"PINN is {errors['pinn']:.1e} from {against}, FEM {errors['fem']:.1e}"
    yield (
        f"the two differ by {errors['difference']:.1e}; up to {found['limit']:.0e} they agree, and "
        f"the finest FEM solution has an estimated error of {found['reference']:.1e}"
    )
    if found["third"]:
        yield (
            f"that by {found['third']} is {found['pinn_third']:.1e} from the PINN's, "
            f"{found['fem_third']:.1e} from the FEM's"
        )


def verdict_text(verdict: Verdict, findings: Mapping[str, Any]) -> str:
    """What a report with these findings says by it: the likely cause and the next step."""
    if findings.get("kind") == "plain":
        return _PLAIN_TEXTS.get(verdict, verdict.value)
    return verdict.value


def verdict_of(results: Mapping[str, Any]) -> Verdict:
    """The verdict from the content of results.json alone."""
    cells, expansion, found = results["cells"], results["expansion"], dict(results["findings"])
    if found.get("kind") == "plain":
        return judge_plain(results["errors"], found)
    fem = found.pop("fem")
    if not results["errors"]:
        return judge_cells(cells, expansion, fem)
    known: dict[str, Any] = {name: _number(v) if v is None else v for name, v in found.items()}
    known["periods"] = math.inf if found["periods"] is None else found["periods"]
    known["larger"] = tuple((label, error) for label, error in found["larger"])
    findings = Findings(**known)
    budget = {name: _number(value) for name, value in results["budget"].items()}
    return judge_all(budget, findings, cells, expansion, fem)


def converges(expansion: Mapping[str, Any]) -> bool | None:
    """Whether the approximation converges as it must; None where that was not seen."""
    if expansion.get("expected") is None:
        return None
    if expansion["rate"] is None:
        pairs = zip(expansion["errors"], expansion["floor"], strict=True)
        if all(error <= floor for error, floor in pairs):
            return True
        return None
    return bool(expansion["rate"] >= expansion["expected"] - _SHORT)


def cell_evidence(cells: Mapping[str, Any], expansion: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict on cells and expansion rests on, in sentences."""
    for name, why in suspects(cells).items():
        yield f"{name} {why}"
    for pair, value in cells["differences"].items():
        names = " and ".join(pair.split(", "))
        yield f"effective coefficients by {names} differ by {_number(value):.1e} of the largest"
    for check in dict.fromkeys(c for checks in cells["checks"].values() for c in checks):
        values = [_number(checks[check]) for checks in cells["checks"].values() if check in checks]
        yield f"{check}: the distances are at most {max(values):.1e}"
    for name, why in cells["refused"].items():
        yield f"{name} does not cover these cells: {why.splitlines()[0]}"
    if expansion.get("refused"):
        yield f"no Bloch oracle: {expansion['refused']}"
    elif expansion.get("rate") is not None:
        yield (
            f"against exact solutions the expansion converges at the rate {expansion['rate']:.2f},"
            f" expected {expansion['expected']}"
        )


def _number(value: float | None) -> float:
    """None, which stands for it in results.json, is not a number."""
    if value is None:
        return math.nan
    return float(value)
