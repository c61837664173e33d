"""What `python -m tests.benchmarks.classes` measured and drew: docs/results, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .markdown import code, escaped, table

FOLDER = Path(__file__).parents[1] / "results"
_ERRORS = ("e1", "e2", "e3", "e4")
_SHORT = ("hom.", "cell", "macro", "ref.")
"""Headings of the budget, whose keys are:"""
_BUDGET = ("homogenization", "cell", "macro", "reference")


@cache
def _all() -> Mapping[str, Any]:
    held: dict[str, Any] = json.loads((FOLDER / "classes.json").read_text(encoding="utf-8"))
    return held


def picture(name: str, kind: str) -> Path:
    """Where the picture of an example is, if there is one."""
    return FOLDER / "pictures" / f"{name}_{kind}.png"


def of(name: str) -> Mapping[str, Any] | None:
    """The results of an example, or None."""
    found: Mapping[str, Any] | None = _all()["examples"].get(name)
    return found


def sentence(found: Mapping[str, Any]) -> str:
    """The command and its outcome."""
    seconds, memory = found["seconds"], found["gigabytes"]
    said = f"{code(found['command'])}: {code(found['verdict'] or 'refused')}"
    return f"{said} in {seconds:.0f} s of the processor, {memory:.1f} GB."


def tables(found: Mapping[str, Any]) -> Iterator[str]:
    """Errors and their budget; effective coefficients by each backend; the expansion."""
    errors = {**found["errors"], **{f"budget: {k}": v for k, v in found["budget"].items()}}
    if errors:
        yield table(("relative L2 error", ""), ((escaped(k), number(v)) for k, v in errors.items()))
    apart = found["cells"]
    if apart:
        rows = ((escaped(pair), number(value)) for pair, value in apart.items())
        yield table(("effective coefficients, relative difference", ""), rows)
    if found["rate"] is not None:
        yield (
            f"The expansion converges to exact solutions at the rate {found['rate']:.2f}, expected "
            f"{found['expected']}."
        )
    for line in found["evidence"]:
        yield f"- {escaped(line)}"
    if found["refused"]:
        yield f"There is no comparison with eps: {escaped(found['refused'])}"


def overview() -> str:
    """One row for each example."""
    header = ("example", "eps", *_ERRORS, *_SHORT, "cells", "rate", "verdict", "s", "GB")
    rows = (_row(name, found) for name, found in _all()["examples"].items())
    return f"{table(header, rows)}\n\n{_all()['machine']}; {_all()['versions']}.\n"


def _row(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    """Why there are no errors with eps stands in the place of the first."""
    errors = {"e1": escaped(found["refused"]), **_numbers(found["errors"])}
    budget = _numbers(found["budget"])
    place = "classes" if found["class"] else "examples"
    return (
        f"[{name}](generated/{place}/{name}.md)",
        found["eps"] or "",
        *(errors.get(e, "") for e in _ERRORS),
        *(budget.get(b, "") for b in _BUDGET),
        number(max(found["cells"].values(), default=None)),
        "" if found["rate"] is None else f"{found['rate']:.2f} ({found['expected']})",
        code(found["verdict"] or "refused"),
        f"{found['seconds']:.0f}",
        f"{found['gigabytes']:.1f}",
    )


def _numbers(found: Mapping[str, float | None]) -> dict[str, str]:
    return {name: number(value) for name, value in found.items()}


def choice() -> str:
    """What each backend takes for the same numbers."""
    held = json.loads((FOLDER / "choice.json").read_text(encoding="utf-8"))
    rows = ((r["case"], r["by"], f"{r['seconds']:.2g}", number(r["error"])) for r in held)
    return table(("problem", "by", "s", "relative error"), rows) + "\n"


def sizes() -> str:
    """What cell problems of many unknowns take."""
    held = json.loads((FOLDER / "dofs.json").read_text(encoding="utf-8"))
    header = ("case", "unknowns", "s", "us an unknown", "GB", "iterations", "estimate")
    rows = (
        (
            escaped(r["case"]),
            f"{r['unknowns']:,}",
            f"{r['seconds']:.3g}",
            f"{1e6 * r['seconds'] / r['unknowns']:.0f}",
            number(r["gigabytes"]),
            number(r["iterations"]),
            number(r["estimate"]),
        )
        for r in held
    )
    return table(header, rows) + "\n"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
