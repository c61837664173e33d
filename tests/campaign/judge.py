"""One case: run its text, compare with the oracle, give the verdict."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nhpinn_sym

from .case import Case, Draft

FLOOR = 1e-11
"""Errors below this are rounding: cos(x) > cos(1e-4) says where a layer lies to 1e-13, and a poor
phase multiplies that by its contrast.
"""
FACTOR = 10.0
"""An estimate may be too small by this."""

FIELD = 50
"""So many values are those of a solution: compared in the mean square, as its estimate is."""

VERDICTS = ("right", "warned", "refused", "SILENT", "crashed", "late")


@dataclass(frozen=True)
class Outcome:
    """What came of a case: `error` and `estimate` are relative, `seconds` are of CPU time.

    note: the message of the error or of the warning, or what was found beside what is true;
    ratio: what the error has beyond rounding and the oracle's doubt, over the estimate.
    """

    case: Case
    verdict: str
    error: float = float("nan")
    estimate: float = float("nan")
    seconds: float = 0.0
    note: str = ""
    code: str = ""
    ratio: float = float("nan")


def run(case: Case, timer: Callable[[float], object] = bool, limit: float = 0.0) -> Outcome:
    """Draw the problem, ask the oracle, run the package; `timer` is set to `limit` while the
    package runs.

    Errors of the campaign's own code are not caught.
    """
    draft = case.draft()
    code = case.code(draft)
    start = time.process_time()
    timer(limit)
    space: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        verdict, note = _executed(code, space)
    timer(0.0)
    seconds = time.process_time() - start
    if verdict:
        return Outcome(case, verdict, seconds=seconds, note=note, code=code)
    error, note = difference(space["found"], draft)
    estimate = float(space["estimate"])
    doubts = [str(w.message) for w in caught if w.category.__name__ == "ToleranceWarning"]
    beyond = max(error - FACTOR * draft.doubt - FLOOR, 0.0)
    right = beyond <= FACTOR * max(estimate, 0.0)
    verdict = "warned" if doubts else "right" if right else "SILENT"
    ratio = beyond / max(estimate, FLOOR / FACTOR)
    return Outcome(case, verdict, error, estimate, seconds, "; ".join(doubts) or note, code, ratio)


def _largest(values: Any) -> float:
    return float(np.max(abs(values)))


def _mean_square(values: Any) -> float:
    return float(np.sqrt(np.mean(abs(values) ** 2)))


def _executed(code: str, space: dict[str, Any]) -> tuple[str, str]:
    """Run the text; ("", "") when it came to an end."""
    try:
        exec(compile(code, "<case>", "exec"), space)
    except nhpinn_sym.NhpinnError as refusal:
        return "refused", f"{type(refusal).__name__}: {refusal}"
    except Exception as failure:
        place = traceback.extract_tb(failure.__traceback__)[-1]
        return "crashed", f"{type(failure).__name__}: {failure} ({place.filename}:{place.lineno})"
    return "", ""


def difference(found: Mapping[str, Any], draft: Draft) -> tuple[float, str]:
    """The largest error of the quantities, each relative to its largest entry, and a line that says
    which.
    """
    if draft.expected is None:
        return float("inf"), f"no value is right here, and {dict(found)} was given"
    worst = (0.0, "")
    for name, wanted in draft.expected.items():
        given = np.asarray(found[name])
        true = np.asarray(wanted)
        if given.shape != true.shape:
            return float("inf"), f"{name} has shape {given.shape}, not {true.shape}"
        size = _mean_square if true.ndim == 1 and len(true) >= FIELD else _largest
        error = size(given - true) / max(size(true), draft.sizes.get(name, 0.0), 1e-300)
        if not np.isfinite(error):
            return float("inf"), f"{name} = {given.tolist()}"
        if error >= worst[0]:
            worst = (
                error,
                f"{name} = {given.ravel()[:4].tolist()}, true {true.ravel()[:4].tolist()}",
            )
    return worst
