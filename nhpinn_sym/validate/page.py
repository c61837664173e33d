"""report.html: what a validation found, as one page that needs no network and no program.

`Content` is what the page is made from; each function below makes one section of it, which is left
out where there is nothing to show. What `Report.tables` and `Report.as_dict` hold is shown by
itself: a new table needs nothing here.
"""

from __future__ import annotations

import datetime as dt
import importlib
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from .. import __version__
from ..derive.derived import OwnModel
from ..derive.model import HomogenizedModel
from ..derive.nonlinear.model import NonlinearModel
from ..emit.source import Source
from ..problem.conditions import Condition, Initial
from ..problem.errors import BackendMissingError
from ..problem.escaping import latex_expression, printable
from ..problem.pictures import fraction
from ..problem.problem import MultiscaleProblem
from ..solve.cell_exports import conventions_of
from ..solve.effective_view import ROUNDING, as_matrix, largest, tensor_latex
from .picture_files import PictureFiles
from .report import Report
from .settings import Settings
from .stored_parts import Store, json_text
from .verdict import Verdict
from .versions import versions

if TYPE_CHECKING:
    from .page_blocks import PageBlock, Picture, Section, TableBlock

_TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"
# What the tables for terminals write in letters.
_FORMULAS = {
    "||PINN u0 - u_eps|| / ||u_eps||": (r"\|u_0^{\mathrm{PINN}} - u_\epsilon\| / \|u_\epsilon\|"),
    "||FEM u0, PINN cells - u_eps|| / ||u_eps||": (
        r"\|u_0^{\mathrm{FEM}}[A^{\mathrm{PINN}}] - u_\epsilon\| / \|u_\epsilon\|"
    ),
    "||PINN u0 - FEM u0|| / ||FEM u0||, PINN cells": (
        r"\|u_0^{\mathrm{PINN}} - u_0^{\mathrm{FEM}}[A^{\mathrm{PINN}}]\|"
        r" / \|u_0^{\mathrm{FEM}}[A^{\mathrm{PINN}}]\|"
    ),
    "||FEM u0 - u_eps|| / ||u_eps||": r"\|u_0^{\mathrm{FEM}} - u_\epsilon\| / \|u_\epsilon\|",
    "||u0* - u_eps||": r"\|u_0^* - u_\epsilon\|",
    "||u0(A pinn) - u0*||": r"\|u_0[A^{\mathrm{PINN}}] - u_0^*\|",
    "||u0 pinn - u0(A pinn)||": r"\|u_0^{\mathrm{PINN}} - u_0[A^{\mathrm{PINN}}]\|",
    "||u_eps - (u0 + eps N.u0)||, L2": (
        r"\|u_\epsilon - (u_0 + \epsilon\, N \cdot \nabla u_0)\|_{L^2}"
    ),
    "||u_eps - (u0 + eps N.u0)||, H1 seminorm": (
        r"|u_\epsilon - (u_0 + \epsilon\, N \cdot \nabla u_0)|_{H^1}"
    ),
    "the same with the boundary layers theta, L2": (
        r"\|u_\epsilon - (u_0 + \epsilon\, N \cdot \nabla u_0 + \theta)\|_{L^2}"
    ),
    "the same with the boundary layers theta, H1 seminorm": (
        r"|u_\epsilon - (u_0 + \epsilon\, N \cdot \nabla u_0 + \theta)|_{H^1}"
    ),
    "||u_eps - (u0 + eps u1 + eps^2 u2 + theta)||, L2": (
        r"\|u_\epsilon - (u_0 + \epsilon\, u_1 + \epsilon^2 u_2 + \theta)\|_{L^2}"
    ),
    "||u_eps - (u0 + eps u1 + eps^2 u2 + theta)||, H1 seminorm": (
        r"|u_\epsilon - (u_0 + \epsilon\, u_1 + \epsilon^2 u_2 + \theta)|_{H^1}"
    ),
}
_LARGEST_MATRIX = 4
_SYMBOLS = {"rho": r"\rho", "lambda0": r"\lambda", "drift": r"\text{drift}"}


@dataclass(frozen=True)
class Content:
    """What a page shows. `model` is None for a problem without fast variables."""

    report: Report
    problem: MultiscaleProblem
    settings: Settings
    model: HomogenizedModel | NonlinearModel | OwnModel | None = None
    pictures: Sequence[Picture] = ()
    sources: Sequence[Source] = ()


def require_page_libraries() -> None:
    """BackendMissingError where the libraries that write the page are not there."""
    try:
        for name in ("jinja2", "latex2mathml"):
            importlib.import_module(name)
    except ImportError as cause:
        raise BackendMissingError(
            "report.html is written by jinja2 and latex2mathml, and one of them is not installed",
            term=cause.name,
            remedy="pip install jinja2 latex2mathml, or leave out= away",
        ) from cause


def write_page(content: Content, store: Store, files: PictureFiles) -> None:
    """The page of a report, and its pictures beside it."""
    from .page_blocks import Picture

    pictures = [Picture(d.name, d.caption, png) for d, png in files.kept()]
    store.write("report.html", page(replace(content, pictures=pictures)))


def page(content: Content) -> bytes:
    """The page, in UTF-8."""
    import jinja2

    report = content.report
    loader = jinja2.FileSystemLoader(_TEMPLATE.parent)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    eps = f"eps = {report.eps}" if report.eps else ""
    written = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    text = environment.get_template(_TEMPLATE.name).render(
        title=printable(report.title),
        subtitle=", ".join(filter(None, ("PINN against FEM", eps, written))),
        good=report.verdict is Verdict.AGREEMENT,
        verdict=report.verdict.name,
        verdict_text=report.verdict_text,
        evidence=[printable(line) for line in report.evidence],
        sections=list(_sections(content)),
        footer=f"nhpinn_sym {__version__}, Python {platform.python_version()}",
    )
    return text.encode(errors="backslashreplace")


def _sections(content: Content) -> Iterator[Section]:
    from .page_blocks import Section

    made = (
        ("comparison", "Comparison", _comparison(content)),
        ("effective", "Effective coefficients", _effective(content)),
        ("pictures", "Pictures", iter(content.pictures)),
        ("expansion", "Expansion", _expansion(content)),
        ("problem", "Problem", _problem(content)),
        ("derivation", "Derivation", _derivation(content)),
        ("accuracy", "Estimates and times", _accuracy(content)),
        ("again", "How to make it again", _again(content)),
        ("sources", "Emitted source", _sources(content)),
    )
    for name, title, blocks in made:
        held = tuple(blocks)
        if held:
            yield Section(name, title, held)


def _comparison(content: Content) -> Iterator[PageBlock]:
    """The tables of the report, their norms in mathematics."""
    from .page_blocks import page_table

    for table in content.report.tables():
        yield _with_formulas(page_table(table))


def _with_formulas(table: TableBlock) -> TableBlock:
    from .page_blocks import TableBlock, inline_formula

    rows = tuple(
        tuple(inline_formula(_FORMULAS[c]) if c in _FORMULAS else c for c in row)
        for row in table.rows
    )
    return TableBlock(table.title, table.header, rows, table.numeric)


def _effective(content: Content) -> Iterator[PageBlock]:
    """Small tensors as matrices, with what bounds them, and what their entries multiply."""
    from .mathml import aligned
    from .page_blocks import Equations, Paragraph, states_table

    cells = content.report.cells
    if "states" in cells:
        yield Paragraph("The law at macroscopic states: entries above begin with their number.")
        yield states_table(cells["states"])
        return
    size = _largest(cells["A"]) if "A" in cells else 0.0
    for name, convention in conventions_of(cells).items():
        entries = cells.get(name)
        if not entries or _largest(entries) <= ROUNDING * size:
            continue
        if "x" in entries:
            yield Paragraph(f"{name} depends on x: the table has it at places of the domain.")
        lines = list(_matrices(_SYMBOLS.get(name, name), entries))
        if lines:
            yield Equations(aligned(r" \\ ".join(lines)))
        yield Paragraph(convention)
    if "A" in cells and cells["A"].get("bounds") is not None:
        yield Paragraph("The bounds hold for A as a quadratic form, not entry by entry.")


def _largest(entries: Mapping[str, Any]) -> float:
    """The largest entry of a coefficient, by any backend."""
    held = (v for name, v in entries.items() if v is not None and name not in ("bounds", "x"))
    return max(map(largest, held), default=0.0)


def _matrices(name: str, entries: Mapping[str, Any]) -> Iterator[str]:
    """A = ( ... ) of each backend, its bounds and closed form, in LaTeX; none of a function of
    x."""
    for label, value in entries.items():
        if value is None or "x" in entries:
            continue
        if label == "bounds":
            yield from (
                rf"{name}_{{\mathrm{{{side}}}}} &= {tensor_latex(v)}"
                for side, v in zip(("lower", "upper"), value, strict=True)
                if _small(v)
            )
        elif label == "Hashin-Shtrikman":
            low, high = value
            yield (
                rf"{name} = \alpha I,\ \alpha &\in [{low:.6g},\ {high:.6g}]"
                r"\quad \text{(Hashin-Shtrikman)}"
            )
        elif _small(value):
            sign = r"\text{closed form}" if label == "closed form" else rf"\text{{{label}}}"
            yield rf"{name}_{{{sign}}} &= {tensor_latex(value)}"


def _small(value: Any) -> bool:
    return max(as_matrix(value).shape) <= _LARGEST_MATRIX


def _expansion(content: Content) -> Iterator[PageBlock]:
    """The rate of the expansion, and the errors that it is read from."""
    from .page_blocks import Paragraph, TableBlock

    found = content.report.expansion
    if not found:
        return
    if found.get("refused"):
        yield Paragraph(f"No exact solutions to compare with: {found['refused']}")
        return
    rate = "none: all errors are rounding" if found["rate"] is None else f"{found['rate']:.3f}"
    yield Paragraph(
        f"Against solutions that are exact at every eps, with cells by {found['cells']}: observed "
        f"rate {rate}, expected {found['expected']}."
    )
    columns = zip(found["eps"], found["errors"], found["floor"], strict=True)
    rows = tuple((fraction(e), f"{error:.3e}", f"{floor:.1e}") for e, error, floor in columns)
    yield TableBlock("", ("eps", "error", "rounding"), rows, (0, 1, 2))


def _problem(content: Content) -> Iterator[PageBlock]:
    """The equation and its conditions."""
    from .mathml import aligned
    from .page_blocks import Equations, page_pairs

    problem = content.problem
    if content.model is None:  # a derivation begins with it
        body = r" \\ ".join(f"& {latex_expression(e)} = 0" for e in problem.equations)
        yield Equations(aligned(body))
    numbers = content.settings.parameters or {}
    rows = [
        ("domain", problem.domain),
        ("cell", problem.cell),
        *(("hole", f"{s}: {_given(condition)}") for s, condition in problem.holes.items()),
        *(
            ("contact", f"{c.shape}: eps^{c.power} {_written(c.stiffness)}")
            for c in problem.contacts
        ),
        *(("boundary", _given(condition)) for condition in problem.boundary),
        *(("initial", _given(condition)) for condition in problem.initial),
        ("final time", problem.final_time),
        *((f"parameter {name}", numbers.get(name)) for name in problem.parameters),
    ]
    yield page_pairs(
        "", [(name, printable(_written(value))) for name, value in rows if value is not None]
    )


def _given(condition: Condition | Initial) -> str:
    """A condition with its value; what else was left out is left out."""
    named = ((f.name, getattr(condition, f.name), f.default) for f in fields(condition))
    held = [
        f"{name}={_written(value)}"
        for name, value, default in named
        if name == "value" or value != default
    ]
    return f"{type(condition).__name__}({', '.join(held)})"


def _written(value: object) -> str:
    """Numbers with the digits that they have: 0.5."""
    return str(sp.sstr(value, full_prec=False))


def _derivation(content: Content) -> Iterator[PageBlock]:
    from .mathml import derivation_steps
    from .page_blocks import Equations, Heading, Paragraph

    if content.model is None:
        return
    for title, remark, equations in derivation_steps(content.model.derivation):
        yield Heading(title)
        if remark:
            yield Paragraph(remark)
        if equations:
            yield Equations(equations)


def _accuracy(content: Content) -> Iterator[PageBlock]:
    """What each solve says of itself: estimates are the solvers' own, and decide nothing."""
    from .page_blocks import Paragraph, TableBlock

    report = content.report
    yield Paragraph("Estimates are each solver's own; the verdict does not rest on them.")
    for title, held in (
        ("cell problems", report.cells),
        ("solutions", report.info),
    ):
        estimates, seconds = (held.get(name, {}) for name in ("estimates", "seconds"))
        names = list(dict.fromkeys((*estimates, *seconds)))
        rows = tuple(
            (n, f"{estimates.get(n, np.nan):.1e}", f"{seconds.get(n, np.nan):.2f}") for n in names
        )
        if rows:
            yield TableBlock(title, ("part", "estimated relative error", "seconds"), rows, (1, 2))


def _again(content: Content) -> Iterator[PageBlock]:
    """The command, the seeds and what computed."""
    from .page_blocks import Listing, page_pairs

    if Path(sys.argv[0]).name == "nhpinn":
        yield Listing("In a terminal:", shlex.join(("nhpinn", *sys.argv[1:])), folded=False)
    yield Listing("In Python, with the problem above:", _call(content), folded=False)
    settings = content.settings
    parts = (("cells", settings.cells), ("equation", settings.equation))
    yield page_pairs(
        "What computed",
        [
            *((name, version) for name, version in versions(settings.fem).items()),
            ("machine", f"{platform.system()} {platform.machine()}"),
            *(
                (f"PINN, {part}", f"seed {options.get('seed', 0)}, {_options(options)}")
                for part, options in parts
            ),
        ],
    )
    yield Listing(
        "Everything, as results.json has it", json_text(content.report.as_dict()).decode()
    )


def _call(content: Content) -> str:
    settings, report = content.settings, content.report
    given: list[tuple[str, object]] = [
        ("out", None if report.out is None else str(report.out)),
        ("fem", settings.fem),
        ("pinn", {"cells": dict(settings.cells), "equation": dict(settings.equation)}),
        ("per_period", settings.per_period),
        ("tolerance", settings.tolerance),
    ]
    if not settings.cells and not settings.equation:
        del given[2]
    shown = [f"{name}={value!r}" for name, value in given if value is not None]
    if report.eps:
        exact = sp.sympify(report.eps)
        rational = isinstance(exact, sp.Rational)
        shown.insert(0, f"eps=sp.{sp.srepr(exact)}" if rational else f"eps={report.eps}")
    if settings.parameters:
        numbers = ", ".join(f"{name}: {value}" for name, value in settings.parameters.items())
        shown.append(f"parameters={{{numbers}}}")
    if settings.coefficients:
        shown.append("coefficients=coefficients")
    body = "".join(f"\n    {line}," for line in ("problem", *shown))
    return f"import sympy as sp\nimport nhpinn_sym as nh\n\nreport = nh.validate({body}\n)"


def _options(options: Mapping[str, object]) -> str:
    held = ", ".join(f"{name} = {value}" for name, value in options.items() if name != "seed")
    return held or "no further options"


def _sources(content: Content) -> Iterator[PageBlock]:
    from .page_blocks import Listing

    for source in content.sources:
        for name, text in source.files:
            yield Listing(f"{source.target}/{name}", text)
