"""The table of a campaign, and the list of what it found."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .judge import VERDICTS, Outcome

BAD = ("SILENT", "crashed", "late")


def line(outcome: Outcome) -> str:
    """One line for one case."""
    numbers = (
        f"error {outcome.error:9.2e} estimate {outcome.estimate:9.2e}"
        f" ratio {outcome.ratio:8.1e} {outcome.seconds:6.1f} s"
    )
    return f"{outcome.verdict:8} {outcome.case.label:44} {numbers}  {outcome.note[:300]!r}"


def table(outcomes: Sequence[Outcome]) -> str:
    """One line for every kind and backend, and one for all."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.case.kind, outcome.case.backend or "default"), []).append(
            outcome
        )
    head = f"{'kind':26} {'backend':8} {'cases':>5} " + " ".join(f"{v:>7}" for v in VERDICTS)
    lines = [head + f" {'median':>8} {'worst':>8} {'s':>7}"]
    lines += [_row(kind, backend, groups[kind, backend]) for kind, backend in sorted(groups)]
    return "\n".join([*lines, _row("all", "", list(outcomes))])


def _row(kind: str, backend: str, outcomes: Sequence[Outcome]) -> str:
    counts = [sum(o.verdict == v for o in outcomes) for v in VERDICTS]
    ratios = [o.ratio for o in outcomes if o.ratio == o.ratio]
    middle = f"{statistics.median(ratios):8.1e}" if ratios else f"{'-':>8}"
    worst = f"{max(ratios):8.1e}" if ratios else f"{'-':>8}"
    seconds = sum(o.seconds for o in outcomes)
    numbers = " ".join(f"{c or '-':>7}" for c in counts)
    return f"{kind:26} {backend:8} {len(outcomes):5d} {numbers} {middle} {worst} {seconds:7.1f}"


def findings(outcomes: Iterable[Outcome]) -> str:
    """Every case that is silent, crashed or late, with the text that reproduces it."""
    texts = []
    for o in outcomes:
        if o.verdict in BAD:
            numbers = f"error {o.error:.2e}, estimate {o.estimate:.2e}, {o.seconds:.1f} s"
            head = f"{o.verdict}: {o.case.label}, {numbers}"
            body = "\n".join("    " + row for row in o.code.splitlines())
            texts.append(
                f"{head}\n  {o.note}\n  python -m tests.campaign --case '{o.case.label}'\n{body}\n"
            )
    return "\n".join(texts)
