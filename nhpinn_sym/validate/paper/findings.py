"""What agrees with the paper, what does not, and why: rules on numbers, so that the text follows every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..store import Arrays
from .cases import Case
from .numbers import MEANINGS, Numbers

FAILS = 0.5
"""A relative error above this is a failure."""
GAIN = 2.0
"""Oversampling helps where it divides the error by this, or more."""
FACTOR = 2.0
"""Errors of two trainings within this factor agree: seeds alone change them as much."""
SAME = 0.02
"""Numbers that no training enters agree within this."""
_NEAR = 0.15
_FEW = 2
"""Among more explanations than this one may fit by chance."""


@dataclass(frozen=True)
class Finding:
    """agrees: True, False, or None where the paper prints nothing to compare with."""

    agrees: bool | None
    text: str

    @property
    def mark(self) -> str:
        return {True: "agrees", False: "differs", None: "note"}[self.agrees]


def judge(case: Case, numbers: Numbers, arguments: Mapping[str, Arrays]) -> list[Finding]:
    """The findings on one case."""
    rules = (_classical(numbers), _oversampling(numbers), _cells(numbers), _truth(case, numbers, arguments), _neural(numbers), _transfer(numbers),
             _library(numbers))
    return [finding for rule in rules for finding in rule]


def _classical(n: Numbers) -> Iterator[Finding]:
    here, printed = n.here["classical"], n.printed["classical"]
    if here > FAILS:
        yield Finding(printed > FAILS, f"The classical PINN fails here too: {here:.3g}, printed {printed:.3g}.")
    else:
        yield Finding(False, f"The classical PINN reaches {here:.3g} here, below {FAILS}; printed is {printed:.3g}. What the paper does not print "
                             "(sampling, initial weights) matters.")


def _oversampling(n: Numbers) -> Iterator[Finding]:
    for name in ("cell_1", "cell_2"):
        plain = f"{name} plain"
        if plain in n.here and plain in n.printed:
            gain, printed = n.here[plain] / n.here[name], n.printed[plain] / n.printed[name]
            text = f"Oversampling divides the error of the {MEANINGS[name]} by {gain:.3g} (printed: by {printed:.3g})"
            why = (": matching values alone leaves the slope across the faces free, which is another problem; further layers match the slope by "
                   "differences. Periodic inputs make both exact" + (f" and reach {n.library[name]:.1e}." if name in n.library else "."))
            yield Finding(gain >= GAIN, text + why)


def _cells(n: Numbers) -> Iterator[Finding]:
    for name in ("cell_1", "cell_2", "a*"):
        if name in n.here and name in n.printed:
            yield _training(name, n)


def _training(name: str, n: Numbers) -> Finding:
    """Errors of two trainings side by side."""
    here, printed = n.here[name], n.printed[name]
    best = f"; the library reaches {n.library[name]:.1e}" if name in n.library else ""
    numbers = f"{here:.3g} here, {printed:.3g} printed{best}."
    if 1 / FACTOR <= here / printed <= FACTOR:
        return Finding(True, f"{MEANINGS[name]}: {numbers}")
    if here < printed:
        return Finding(False, f"{MEANINGS[name]}: {numbers} Smaller here: rate, weights or length of the training, not all of which the "
                              "paper prints, suit the problem better.")
    return Finding(False, f"{MEANINGS[name]}: {numbers} Larger here: the training is shorter, or settings that the paper does not print are worse.")


def _truth(case: Case, n: Numbers, arguments: Mapping[str, Arrays]) -> Iterator[Finding]:
    """e4: no training enters it, so that it can be right or wrong."""
    truth, here = n.truth["e4"], n.here["e4"]
    if abs(here - truth) > SAME * truth:
        yield Finding(False, f"e4 is {here:.5g} here and {truth:.5g} converged: the reference of this run is too coarse.")
    if "e4" not in n.printed:
        yield Finding(None, f"e4 is {here:.5g} here; converged {truth:.5g}.")
        return
    printed = n.printed["e4"]
    if abs(printed - truth) <= SAME * truth:
        yield Finding(True, f"e4: printed {printed:.5g}, converged {truth:.5g}.")
        return
    what = f"The printed e4 {printed:.5g} is not the error of homogenization, which is {truth:.5g}"
    explanations = dict(_explanations(case, arguments))
    if not explanations:
        yield Finding(False, what + ".")
        return
    name = min(explanations, key=lambda k: abs(np.log(explanations[k] / printed)))
    value = explanations[name]
    near = abs(value / printed - 1)
    exact = "reproduces it" if len(explanations) <= _FEW else "would give as much"
    said = exact if near <= SAME else "comes near" if near <= _NEAR else "does not explain it, though it is the nearest that was tried"
    off = f", off by {100 * near:.2g} %" if near <= _NEAR else ""
    yield Finding(False, f"{what}: {name} {said} ({value:.5g}{off}).")
    if "differences" in arguments and (floor := float(arguments["differences"]["floor"])) > FACTOR * printed:
        yield Finding(False, f"With this reading the printed e4 {printed:.5g} is out of reach: the first corrector alone, eps N u0, has the relative "
                             f"size eps rms(N) = {floor:.3g} where u0 is smooth.")


def _explanations(case: Case, arguments: Mapping[str, Arrays]) -> Iterator[tuple[str, float]]:
    """What may lie behind a printed e4, and the value that it gives."""
    if "effective" in arguments:
        table = arguments["effective"]
        yield "a* summed over all 101 x 101 nodes, the end lines of the cell counted twice,", float(table["e differences sum"])
        yield "a* by finite differences and the trapezoid rule", float(table["e differences trapezoid"])
    if "elements" in arguments:
        table = arguments["elements"]
        for rule, text in (("ends", "coefficients at their ends"), ("gauss", "exact integrals")):
            for count, value in zip(table["elements"], table[rule], strict=True):
                yield f"a u_eps on {count} linear elements with {text}", float(value)
    if "differences" in arguments:
        text = f"finite differences on {case.test_nodes} points for u_eps and u0"
        per_period = float(case.eps * case.problem.cell.lengths[0]) * (case.test_nodes - 1) / (2 * np.pi)
        yield text + (f" (only {per_period:.2g} points in a period: aliased)" if per_period < 2 else ""), float(arguments["differences"]["e4"])


def _neural(n: Numbers) -> Iterator[Finding]:
    if "e1" not in n.here:
        return
    for name in ("e1", "e3"):
        yield _training(name, n)
    if n.printed["e1"] < n.truth["e4"]:
        yield Finding(False, f"The printed e1 {n.printed['e1']:.3g} is below the converged error of homogenization, {n.truth['e4']:.3g}: only errors "
                             "that cancel could give it.")
    e1, e3, e4, classical = (n.here[k] for k in ("e1", "e3", "e4", "classical"))
    yield Finding(e1 < classical,
                  f"NH-PINN {'is better' if e1 < classical else 'is not better'} than the classical PINN: {e1:.3g} against {classical:.3g}.")
    dominant, printed = e3 > e4, n.printed["e3"] > n.printed["e4"]
    words = {True: "training on the homogenized equation (e3)", False: "homogenization (e4)"}
    yield Finding(dominant == printed, f"The larger share of e1 is {words[dominant]}: e3 = {e3:.3g}, e4 = {e4:.3g}. In the paper: {words[printed]}.")
    if n.printed["e2"] < n.printed["e4"]:
        difference = (n.here["e2"] - e4) / e4
        before = n.printed["e2"] / n.printed["e4"] - 1
        yield Finding(difference < 0, f"e2 - e4 is {difference:+.2g} of e4 here (printed: {before:+.2g}). The sign says nothing of "
                                      "accuracy: errors of a* and of homogenization may cancel, and e4 is no lower bound.")


def _transfer(n: Numbers) -> Iterator[Finding]:
    if n.start is not None:
        end, printed = n.here["transfer"], n.printed["transfer"]
        lost = end > min(FAILS, FACTOR * n.start)
        yield Finding(lost, f"From the weights of NH-PINN the classical loss leads from {n.start:.3g} to {end:.3g} (printed: to {printed:.3g}): "
                            + ("it does not keep the right solution." if lost else "in so many epochs it keeps the solution."))


def _library(n: Numbers) -> Iterator[Finding]:
    gain = (n.library["e1"] - n.truth["e4"]) / n.truth["e4"]
    yield Finding(None, f"The library's own nets reach e1 = {n.library['e1']:.5g} with e3 = {n.library['e3']:.1e}: "
                        + ("all that is left is homogenization itself" if abs(gain) < 0.01 else "not yet homogenization alone")
                        + f" (converged e4 {n.truth['e4']:.5g}); with u0 + eps N.u0 it falls to {n.first_order['L2']:.3g}.")


def judge_coarse(table: Arrays) -> list[Finding]:
    """Section 2.2."""
    mean, harmonic = float(table["mean"]), float(table["harmonic"])
    plateau = 1 - harmonic / mean
    counts, errors = table["elements"], table["errors"]
    on_plateau = [f"{e:.4f} on {n}" for n, e in zip(counts, errors, strict=True) if 64 >= n > 16]
    close = abs(errors[list(counts).index(64)] - 9 / 17)
    return [
        Finding(abs(mean - 8.5) < 1e-9 and abs(harmonic - 4) < 1e-9, f"Harmonic mean {harmonic:.10g}, mean {mean:.10g}: as printed (4 and 8.5)."),
        Finding(close < 1e-3, f"The error of linear elements stays near 1 - {harmonic:.3g}/{mean:.3g} = {plateau:.4f} = 9/17 while an element holds "
                              f"whole periods ({', '.join(on_plateau)}), and falls to {errors[-1]:.2g} once {counts[-1]} elements resolve them."),
    ]


def judge_effective(table: Arrays) -> list[Finding]:
    """Section 5.2.1: e2 < e4."""
    e = {name: float(table[f"e {name}"]) for name in ("differences sum", "exact sum", "differences trapezoid", "exact trapezoid")}
    true, best = float(table["true"]), float(np.min(table["e of factor"]))
    at = float(table["factors"][int(np.argmin(table["e of factor"]))])
    ratio = float(table["a exact sum"]) / true
    summed, right = e["exact sum"] < e["differences sum"], e["exact trapezoid"] < e["differences trapezoid"]
    return [
        Finding(summed, f"With the sum over all nodes exact derivatives give {e['exact sum']:.6g}, finite differences {e['differences sum']:.6g}: "
                        + ("e2 < e4, as printed." if summed else "not e2 < e4.")),
        Finding(right, f"With the trapezoid rule they give {e['exact trapezoid']:.6g} and {e['differences trapezoid']:.6g}: "
                       + ("the order stays." if right else "the order turns round, though exact derivatives are the better ones.")),
        Finding(None, f"So the quadrature decides, not the differentiation: the sum makes a* larger by the factor {ratio:.4f} (end lines counted "
                      f"twice), differences change it by {abs(float(table['a differences trapezoid']) / true - 1):.1e} only."),
        Finding(False if best < e["exact trapezoid"] else None,
                f"e4 is called a lower bound; it is none: a* times {at:.4f} has the error {best:.6g}, less than {e['exact trapezoid']:.6g} of the "
                "true one."),
    ]
