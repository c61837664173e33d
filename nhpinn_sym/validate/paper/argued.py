"""Findings that no training enters: e4 and what lies behind it, coarse elements, e2 < e4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..store import Arrays
from .cases import Case
from .finding import FACTOR, Finding
from .numbers import Numbers

SAME = 0.02
"""Numbers that no training enters agree within this."""
_NEAR = 0.15
_FEW = 2
"""Among more explanations than this one may fit by chance."""


def judge_truth(case: Case, n: Numbers, arguments: Mapping[str, Arrays]) -> Iterator[Finding]:
    """e4: no training enters it, so that it can be right or wrong."""
    truth, here = n.truth["e4"], n.here["e4"]
    if abs(here - truth) > SAME * truth:
        yield Finding(
            False,
            f"e4 is {here:.5g} here and {truth:.5g} converged: the reference or the test grid of"
            " this run is too coarse.",
        )
    if "e4" not in n.printed:
        yield Finding(None, f"e4 is {here:.5g} here; converged {truth:.5g}.")
        return
    printed = n.printed["e4"]
    if abs(printed - truth) <= SAME * truth:
        yield Finding(True, f"e4: printed {printed:.5g}, converged {truth:.5g}.", "e4")
        return
    what = f"The printed e4 {printed:.5g} is not the error of homogenization, which is {truth:.5g}"
    explanations = dict(_explanations(case, arguments))
    if not explanations:
        yield Finding(False, what + ".", "e4")
        return
    name = min(explanations, key=lambda k: abs(np.log(explanations[k] / printed)))
    value = explanations[name]
    near = abs(value / printed - 1)
    exact = "reproduces it" if len(explanations) <= _FEW else "would give as much"
    said = (
        exact
        if near <= SAME
        else (
            "comes near"
            if near <= _NEAR
            else "does not explain it, though it is the nearest that was tried"
        )
    )
    off = f", off by {100 * near:.2g} %" if near <= _NEAR else ""
    yield Finding(
        False,
        f"{what}: {name} {said} ({value:.5g}{off}).",
        "e4",
        name.strip(",") if near <= _NEAR else "no explanation found",
    )
    if (
        "differences" in arguments
        and (floor := float(arguments["differences"]["floor"])) > FACTOR * printed
    ):
        yield Finding(
            False,
            f"With this reading the printed e4 {printed:.5g} is out of reach: the first corrector"
            f" alone, eps N u0, has the relative size eps rms(N) = {floor:.3g} where u0 is smooth.",
            "e4",
            "out of reach in this reading",
        )


def _explanations(case: Case, arguments: Mapping[str, Arrays]) -> Iterator[tuple[str, float]]:
    """What may lie behind a printed e4, and the value that it gives."""
    if "effective" in arguments:
        table = arguments["effective"]
        yield (
            "a* summed over all 101 x 101 nodes, the end lines of the cell counted twice,",
            float(table["e differences sum"]),
        )
        yield (
            "a* by finite differences and the trapezoid rule",
            float(table["e differences trapezoid"]),
        )
    if "elements" in arguments:
        table = arguments["elements"]
        for rule, text in (("ends", "coefficients at their ends"), ("gauss", "exact integrals")):
            for count, value in zip(table["elements"], table[rule], strict=True):
                yield f"a u_eps on {count} linear elements with {text}", float(value)
    if "differences" in arguments:
        text = f"finite differences on {case.test_nodes} points for u_eps and u0"
        per_period = (
            float(case.eps * case.problem.cell.lengths[0]) * (case.test_nodes - 1) / (2 * np.pi)
        )
        yield (
            text
            + (f" (only {per_period:.2g} points in a period: aliased)" if per_period < 2 else ""),
            float(arguments["differences"]["e4"]),
        )


def judge_coarse(table: Arrays) -> list[Finding]:
    """Section 2.2."""
    mean, harmonic = float(table["mean"]), float(table["harmonic"])
    plateau = 1 - harmonic / mean
    counts, errors = table["elements"], table["errors"]
    on_plateau = [f"{e:.4f} on {n}" for n, e in zip(counts, errors, strict=True) if 64 >= n > 16]
    close = abs(errors[list(counts).index(64)] - 9 / 17)
    return [
        Finding(
            abs(mean - 8.5) < 1e-9 and abs(harmonic - 4) < 1e-9,
            f"Harmonic mean {harmonic:.10g}, mean {mean:.10g}: as printed (4 and 8.5).",
            "coarse",
        ),
        Finding(
            close < 1e-3,
            f"The error of linear elements stays near 1 - {harmonic:.3g}/{mean:.3g} = {plateau:.4f}"
            f" = 9/17 while an element holds whole periods ({', '.join(on_plateau)}), and falls to"
            f" {errors[-1]:.2g} once {counts[-1]} elements resolve them.",
            "coarse",
        ),
    ]


def judge_effective(table: Arrays) -> list[Finding]:
    """Section 5.2.1: e2 < e4."""
    e = {
        name: float(table[f"e {name}"])
        for name in ("differences sum", "exact sum", "differences trapezoid", "exact trapezoid")
    }
    true, best = float(table["true"]), float(np.min(table["e of factor"]))
    at = float(table["factors"][int(np.argmin(table["e of factor"]))])
    ratio = float(table["a exact sum"]) / true
    summed, right = (
        e["exact sum"] < e["differences sum"],
        e["exact trapezoid"] < e["differences trapezoid"],
    )
    return [
        Finding(
            summed,
            f"With the sum over all nodes exact derivatives give {e['exact sum']:.6g}, finite"
            f" differences {e['differences sum']:.6g}: "
            + ("e2 < e4, as printed." if summed else "not e2 < e4."),
            "e2",
        ),
        Finding(
            right,
            f"With the trapezoid rule they give {e['exact trapezoid']:.6g} and"
            f" {e['differences trapezoid']:.6g}: "
            + (
                "the order stays."
                if right
                else "the order turns round, though exact derivatives are the better ones."
            ),
            "e2",
            "" if right else "made by the sum over all nodes, not by the derivatives",
        ),
        Finding(
            None,
            "So the quadrature decides, not the differentiation: the sum makes a* larger by the"
            f" factor {ratio:.4f} (end lines counted twice), differences change it by"
            f" {abs(float(table['a differences trapezoid']) / true - 1):.1e} only.",
        ),
        Finding(
            False if best < e["exact trapezoid"] else None,
            f"e4 is called a lower bound; it is none: a* times {at:.4f} has the error {best:.6g},"
            f" less than {e['exact trapezoid']:.6g} of the true one.",
        ),
    ]
