"""What agrees with the paper, what does not, and why: rules on numbers, so that the text follows
every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..store import Arrays
from .argued import judge_truth
from .cases import Case
from .finding import FACTOR, Finding
from .numbers import MEANINGS, Numbers

FAILS = 0.5
"""A relative error above this is a failure."""
GAIN = 2.0
"""Oversampling helps where it divides the error by this, or more."""
_FALLING = 0.02
"""A training whose error falls faster than by this part over its last epochs is not at its end."""
_SEEN = 2.0
"""Nodes in a period, below which a grid does not see the coefficient."""


def judge(case: Case, numbers: Numbers, arguments: Mapping[str, Arrays]) -> list[Finding]:
    """The findings on one case."""
    rules = (
        _classical(numbers),
        _energy(numbers),
        _oversampling(numbers),
        _cells(numbers),
        judge_truth(case, numbers, arguments),
        _neural(numbers),
        _transfer(numbers),
        _library(numbers),
    )
    return [finding for rule in rules for finding in rule]


def _classical(n: Numbers) -> Iterator[Finding]:
    here, printed = n.here["classical"], n.printed["classical"]
    if here > FAILS:
        yield Finding(
            printed > FAILS,
            f"The classical PINN fails here too: {here:.3g}, printed {printed:.3g}.",
            "fails",
        )
    else:
        yield Finding(
            False,
            f"The classical PINN reaches {here:.3g} here, below {FAILS}; printed is {printed:.3g}."
            f" {_cause('classical', n)}",
            "fails",
            f"{here:.2g} here{_because('classical', n)}",
        )
    if n.per_period < _SEEN:
        yield Finding(
            None,
            f"The grid of the classical PINN has {n.per_period:.2g} nodes in a period: such a"
            " training cannot see the coefficient, whatever the optimizer does.",
        )


def _energy(n: Numbers) -> Iterator[Finding]:
    if "energy" in n.here:
        here, strong = n.here["energy"], n.here["classical"]
        said = "does not fail" if here < FAILS else "fails too"
        best = n.library["energy"]
        meaning = (
            " So the strong form is what fails, not every network." if best < FAILS < strong else ""
        )
        yield Finding(
            None,
            f"The energy form of the same net {said}: {here:.3g} against"
            f" {strong:.3g}{_because('energy', n)}. The library's Ritz method on the multiscale"
            f" equation reaches {best:.2g}.{meaning}",
        )


def _oversampling(n: Numbers) -> Iterator[Finding]:
    for name in ("cell_1", "cell_2"):
        plain = f"{name} plain"
        if plain in n.here and plain in n.printed:
            gain, printed = n.here[plain] / n.here[name], n.printed[plain] / n.printed[name]
            text = (
                f"Oversampling divides the error of the {MEANINGS[name]} by {gain:.3g} (printed: by"
                f" {printed:.3g})"
            )
            why = (
                ": matching values alone leaves the slope across the faces free, which is another"
                " problem; further layers match the slope by differences. Periodic inputs make both"
                " exact" + (f" and reach {n.library[name]:.1e}." if name in n.library else ".")
            )
            small = "" if gain >= GAIN else f"divides the {MEANINGS[name]} by {gain:.2g} only"
            yield Finding(gain >= GAIN, text + why, "oversampling", small)


def _cells(n: Numbers) -> Iterator[Finding]:
    for name in ("cell_1", "cell_2", "a*"):
        if name in n.here and name in n.printed:
            yield _training(name, n, "cells")


def _training(name: str, n: Numbers, claim: str) -> Finding:
    """Errors of two trainings side by side."""
    here, printed = n.here[name], n.printed[name]
    best = f"; the library reaches {n.library[name]:.1e}" if name in n.library else ""
    numbers = f"{MEANINGS[name]}: {here:.3g} here, {printed:.3g} printed{best}."
    if 1 / FACTOR <= here / printed <= FACTOR:
        return Finding(True, numbers, claim)
    if here < printed:
        return Finding(
            False,
            f"{numbers} {printed / here:.2g} times smaller here: the settings that the paper does"
            " not print suit the problem better.",
            claim,
            "smaller here",
        )
    return Finding(False, f"{numbers} {_cause(name, n)}", claim, f"larger here{_because(name, n)}")


def _cause(name: str, n: Numbers) -> str:
    """A sentence on what the numbers show of an error of training."""
    found = _because(name, n).removeprefix(": ")
    return (
        f"What the numbers show: {found}."
        if found
        else (
            "The training stands: more epochs alone would not change it; what is not printed would."
        )
    )


def _because(name: str, n: Numbers) -> str:
    """The same in few words; empty where nothing is seen."""
    causes, usual = [], n.medians.get(name, n.here[name])
    if usual < n.here[name] / FACTOR:
        causes.append(f"peaks of Adam, without which it is {usual:.2g}")
    if n.boundary.get(name, 0.0) > usual / FACTOR:
        causes.append(f"boundary values off by {100 * n.boundary[name]:.0f} % of u")
    if name == "e1" and n.truth["e4"] > usual / FACTOR:
        causes.append(f"homogenization itself costs {n.truth['e4']:.2g}")
    if n.trends.get(name, 0.0) > _FALLING:
        causes.append(f"still falling, by {100 * n.trends[name]:.0f} % in the last epochs")
    return f": {', '.join(causes)}" * bool(causes)


def _neural(n: Numbers) -> Iterator[Finding]:
    if "e1" not in n.here:
        return
    for name in ("e1", "e3"):
        yield _training(name, n, "neural")
    if n.printed["e1"] < n.truth["e4"]:
        yield Finding(
            False,
            f"The printed e1 {n.printed['e1']:.3g} is below the converged error of homogenization,"
            f" {n.truth['e4']:.3g}: only errors that cancel could give it.",
            "neural",
            "printed e1 below the error of homogenization",
        )
    e1, e3, e4, classical = (n.here[k] for k in ("e1", "e3", "e4", "classical"))
    yield Finding(
        e1 < classical,
        f"NH-PINN {'is better' if e1 < classical else 'is not better'} than the classical PINN:"
        f" {e1:.3g} against {classical:.3g}.",
        "better",
    )
    dominant, printed = e3 > e4, n.printed["e3"] > n.printed["e4"]
    words = {True: "training on the homogenized equation (e3)", False: "homogenization (e4)"}
    yield Finding(
        dominant == printed,
        f"The larger share of e1 is {words[dominant]}: e3 = {e3:.3g}, e4 = {e4:.3g}. In the paper:"
        f" {words[printed]}.",
        "share",
        "" if dominant == printed else f"{'e3' if dominant else 'e4'} here",
    )
    if n.printed["e2"] < n.printed["e4"]:
        difference = (n.here["e2"] - e4) / e4
        before = n.printed["e2"] / n.printed["e4"] - 1
        yield Finding(
            difference < 0,
            f"e2 - e4 is {difference:+.2g} of e4 here (printed: {before:+.2g}). The sign says"
            " nothing of accuracy: errors of a* and of homogenization may cancel, and e4 is no"
            " lower bound.",
            "e2",
            "" if difference < 0 else "the sign is chance: errors cancel or add",
        )


def _transfer(n: Numbers) -> Iterator[Finding]:
    if n.start is not None:
        end, printed = n.here["transfer"], n.printed["transfer"]
        lost = end > min(FAILS, FACTOR * n.start)
        yield Finding(
            lost,
            f"From the weights of NH-PINN the classical loss leads from {n.start:.3g} to {end:.3g}"
            f" (printed: to {printed:.3g}): "
            + (
                "it does not keep the right solution."
                if lost
                else "in so many epochs it keeps the solution."
            ),
            "transfer",
            "" if lost else "keeps the solution here",
        )


def _library(n: Numbers) -> Iterator[Finding]:
    gain = (n.library["e1"] - n.truth["e4"]) / n.truth["e4"]
    yield Finding(
        None,
        f"The library's own nets reach e1 = {n.library['e1']:.5g} with e3 = {n.library['e3']:.1e}: "
        + (
            "all that is left is homogenization itself"
            if abs(gain) < 0.01
            else "not yet homogenization alone"
        )
        + f" (converged e4 {n.truth['e4']:.5g}); with u0 + eps N.u0 it falls to"
        f" {n.first_order['L2']:.3g}.",
    )
