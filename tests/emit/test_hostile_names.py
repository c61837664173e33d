"""Names that a user writes are data: what tries to be code in them runs in no target and on no
backend.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from rich.console import Console

import nhpinn_sym as nh
from nhpinn_sym.emit.source import load
from nhpinn_sym.emit.torch_text import Scope
from nhpinn_sym.problem import escaping
from nhpinn_sym.problem.errors import NhpinnError, ProblemError, UnsupportedError
from nhpinn_sym.problem.user_input import number_from_text

ALL = ("torch", "dolfinx", "skfem", "numpy", "latex")


def payloads(marker: Path) -> list[str]:
    """Strings that leave a quotation, a comment or a group of some language, and then make the file
    `marker`.
    """
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    double = code.replace("'", '"')
    return [
        f'"""\n{code}\n"""',
        f"'''\n{code}\n'''",
        f'" + str({code}) + "',
        f"' + str({double}) + '",
        f"\n{code}\n#",
        f"\r{code}\r#",
        f"\x0c\n{code}",
        f'\\"""\n{code}\n"""',
        f'\\\\"""\n{code}\n"""',
        f'"""\\\n{code}',
        f'*/ system("touch {marker}"); /*',
        f"// ??/\nsystem({code});",
        "{" + code + "}",
        "%s {0} {title!r}",
        rf"\input{{{marker}}}",
        rf"\immediate\write18{{touch {marker}}}",
        rf"$\openout1={marker}$",
        r"$\xi$",
        rf"^^5cinput{{{marker}}}",
        "[bold]x[/]",
        "[/]",
        ":bomb:",
        f"{marker.parent}/../x\x00",
        "tail\\",
        '"',
        "'",
        '"' * 7,
        "\ud800",
        "\u2028" + code,
        "",
        "\x1b]0;title\x07",
    ]


def names(marker: Path) -> list[str]:
    """Those that Python takes as names of classes, which functions of SymPy are."""
    return [
        name for name in payloads(marker) if name and "\x00" not in name and "\ud800" not in name
    ]


def problem(title: str = "", unknown: str = "u", opaque: str = "") -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u = sp.Function(unknown)(*s.x)
    a = 2 + sp.sin(2 * sp.pi * s.y[0]) + (sp.Function(opaque)(s.y[0]) if opaque else 0)
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(a * s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
        name=title,
    )


def system(name: str) -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u, v = sp.Function(name)(*s.x), s.unknown("v")
    a = 2 + sp.sin(2 * sp.pi * s.y[0])
    return nh.MultiscaleProblem(
        [sp.Eq(-s.div(a * s.grad(u)) + v, 1), sp.Eq(-s.div(a * s.grad(v)), 1)],
        scales=s,
        unknown=[u, v],
        domain=nh.Box((0, 1)),
        boundary=[nh.Dirichlet(0)],
    )


def check(
    made: nh.MultiscaleProblem,
    plain: nh.MultiscaleProblem,
    marker: Path,
    targets: tuple[str, ...] = ALL,
) -> None:
    """The same files as of `plain`, but for strings and names; nothing runs when they are
    imported.
    """
    model, reference = nh.homogenize(made), nh.homogenize(plain)
    str(model)
    model._repr_latex_()
    made._repr_latex_()
    for target in targets:
        source, expected = nh.emit(model, target), nh.emit(reference, target)
        assert [name for name, _ in source.files] == [name for name, _ in expected.files]
        for (name, text), (_, same) in zip(source.files, expected.files, strict=True):
            text.encode()
            if target == "latex":
                commands = set(re.findall(r"\\[A-Za-z]+", text)) - set(
                    re.findall(r"\\[A-Za-z]+", same)
                )
                assert commands <= {
                    r"\textbackslash",
                    r"\textasciitilde",
                    r"\text",
                    r"\xi",
                    r"\bigl",
                    r"\bigr",
                    r"\quad",
                }
                assert "^^" not in text and text.count("{") - text.count(r"\{") == text.count(
                    "}"
                ) - text.count(r"\}")
            else:
                assert len(ast.parse(text).body) == len(ast.parse(same).body)
                if not name.startswith("main_"):  # those solve
                    load(source, name.removesuffix(".py"))
    assert not marker.exists()


@pytest.fixture(scope="module")
def ordinary() -> nh.MultiscaleProblem:
    return problem("ordinary")


def test_titles(ordinary: nh.MultiscaleProblem, tmp_path: Path) -> None:
    every = payloads(tmp_path / "marker")
    for title in ("".join(every), every[0], every[7], "tail\\", '"'):
        check(problem(title), ordinary, tmp_path / "marker")


@pytest.mark.parametrize("target", ["deepxde", "pina"])
def test_titles_in_scripts(target: str, tmp_path: Path) -> None:
    """They have as many statements as others; they are not run: their libraries change torch."""
    expected = nh.emit(nh.homogenize(problem("ordinary")), target).files
    source = nh.emit(nh.homogenize(problem("".join(payloads(tmp_path / "marker")))), target)
    assert [name for name, _ in source.files] == [name for name, _ in expected]
    for (_, text), (_, same) in zip(source.files, expected, strict=True):
        assert len(ast.parse(text).body) == len(ast.parse(same).body)


def test_names_of_unknowns(tmp_path: Path) -> None:
    """One that the package takes is a word; of others it says so."""
    for name in names(tmp_path / "marker"):
        for make in (lambda name: problem(unknown=name), system):
            with pytest.raises(ProblemError, match="named by a word"):
                nh.homogenize(make(name))
    check(system("\u03be"), system("u"), tmp_path / "marker")
    assert not (tmp_path / "marker").exists()


def test_names_of_functions_without_a_formula(tmp_path: Path) -> None:
    plain, two = (
        problem(opaque="kappa"),
        sp.Function("a b")(sp.Symbol("x")) + sp.Function("a_b")(sp.Symbol("x")),
    )
    with pytest.raises(UnsupportedError, match="one name in Python"):
        Scope((sp.Symbol("x"),), (), [f.func.__name__ for f in sorted(two.args, key=str)])
    for name in names(tmp_path / "marker"):
        check(problem(opaque=name), plain, tmp_path / "marker", ("latex",))
        source = nh.emit(nh.homogenize(problem(opaque=name)), "torch")
        for file in [file for file, _ in source.files if not file.startswith("main_")]:
            load(source, file.removesuffix(".py"))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("backend", ["fourier", "skfem", "dolfinx", "pinn"])
def test_backends_solve_with_any_title(backend: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    title = "".join(payloads(marker))
    model = nh.homogenize(problem(title))
    cells = nh.solve_cells(model, backend)
    assert np.allclose(cells.effective["A"], 3**0.5, rtol=1e-5)
    again = nh.load(cells.save(tmp_path / "cells.npz"))
    assert np.array_equal(again.effective["A"], cells.effective["A"])
    if backend != "fourier":
        u0 = nh.solve_homogenized(model, cells, backend)
        assert u0([[0.5]])[0] == pytest.approx(1 / (8 * 3**0.5), rel=1e-3)
    assert not marker.exists()


def test_a_validation_with_such_a_title(tmp_path: Path) -> None:
    """Its report, plots and files: markup of rich, mathematics of matplotlib, LaTeX, control
    characters.
    """
    marker = tmp_path / "marker"
    title = "".join(payloads(marker)) + "$[/link] \\frac{"
    report = nh.validate(problem(title), eps=0.5, out=tmp_path / "out", fem="skfem")
    console = Console(file=io.StringIO(), width=400)
    for table in report.tables():
        console.print(table)
    shown = "".join(console.file.getvalue().split())  # type: ignore[attr-defined]  # wherever the title is broken
    assert "[bold]x[/]" in shown and ":bomb:" in shown and "\x1b" not in shown
    assert (tmp_path / "out" / "results.json").exists() and not marker.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_the_command_line_with_such_a_title(tmp_path: Path) -> None:
    file, marker = tmp_path / "made.py", tmp_path / "marker"
    title = "".join(payloads(marker))
    file.write_text(
        "import sympy as sp, nhpinn_sym as nh\ns = nh.Scales(1)\nu = s.unknown('u')\na = 2 +"
        " sp.sin(2*sp.pi*s.y[0])\nproblem = nh.MultiscaleProblem(sp.Eq(-s.div(a*s.grad(u)), 1),"
        f" scales=s, unknown=u, name={title!r})\n",
        encoding="utf-8",
    )
    for command in (["derive", str(file)], ["derive", str(file), "--latex"], ["cells", str(file)]):
        done = subprocess.run(
            [sys.executable, "-m", "nhpinn_sym.cli.main", *command], capture_output=True, text=True
        )
        assert done.returncode == 0 and "\x1b" not in done.stdout, done.stderr
    assert not marker.exists()


def test_strings_where_numbers_stand_are_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() or 1"
    model = nh.homogenize(problem())
    for attempt in (
        lambda: nh.validate(problem(), eps=code),
        lambda: nh.solve_fine(problem(), code, "skfem"),
        lambda: nh.Dirichlet(code),
        lambda: nh.Box((code, 1)),
        lambda: problem_with(nh.Dirichlet([code])),
        lambda: problem_with(nh.Dirichlet(code)),
        lambda: nh.Cell((code, 1)),
        lambda: nh.Initial([code]),
        lambda: nh.solve_cells(model, parameters={code: 1}),
        lambda: nh.solve_cells(model, code),
        lambda: nh.emit(model, code),
        lambda: nh.Disk((code, 0), 1),
        lambda: nh.Disk((0.5, 0.5), code),
        lambda: nh.Scales(1, time=True, fast_time=code),
        lambda: nh.Scales(code),
        lambda: nh.MultiscaleProblem(
            (code, 0), scales=nh.Scales(1), unknown=nh.Scales(1).unknown("u")
        ),
        lambda: nh.MultiscaleProblem(
            ([code], [0]), scales=nh.Scales(1), unknown=nh.Scales(1).unknown("u")
        ),
    ):
        with suppress(NhpinnError):
            attempt()
        assert not marker.exists()


def problem_with(condition: nh.Dirichlet) -> nh.MultiscaleProblem:
    s = nh.Scales(1)
    u = s.unknown("u")
    return nh.MultiscaleProblem(
        sp.Eq(-s.div(s.grad(u)), 1),
        scales=s,
        unknown=u,
        domain=nh.Box((0, 1)),
        boundary=[condition],
    )


def test_numbers_as_text() -> None:
    assert number_from_text(" 1/8 ") == sp.Rational(1, 8) and number_from_text(
        "-.5e-2"
    ) == sp.Rational(-1, 200)
    for text in ("1e9999", "1/0x", "nan", "2**9", "__import__('os')", "", "1/"):
        with pytest.raises(ValueError, match="no number"):
            number_from_text(text)


@pytest.mark.parametrize(
    "mark", [chr(k) for k in (0, 9, 10, 13, 27, 34, 39, 92, 0x2028, 0xD800, 0x3BE)]
)
def test_literals_of_python_are_what_was_written(mark: str) -> None:
    for text in (mark, mark * 3, f"a{mark}", f"\\{mark}", f'"""{mark}"""', f"{mark}\\"):
        assert ast.literal_eval(escaping.docstring(text)) == text or mark in "\n\r"
        assert ast.literal_eval(escaping.literal({text: (text, [text, 1, None])})) == {
            text: (text, [text, 1, None])
        }


def test_latex_of_names() -> None:
    assert [escaping.latex_name(n) for n in (r"\xi", r"\alpha_{12}^*", "a_1")] == [
        r"\xi",
        r"\alpha_{12}^*",
        "a_1",
    ]
    assert escaping.latex_name(r"\input{x}") == r"\text{\textbackslash{}input\{x\}}"
    assert escaping.latex_text("\u03be \u039b \xe4 #") == r"$\xi$ $\Lambda$ U+00E4 \#"


def test_names_of_files() -> None:
    assert (
        escaping.file_name("N_1") == "N_1"
        and escaping.file_name("../../etc\x00/passwd") == "_etc_passwd"
    )
    assert escaping.file_name("\u03be") == "_" and len(escaping.file_name("a" * 1000)) <= 80
