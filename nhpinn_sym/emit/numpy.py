"""numpy target: the cell problems for the Fourier oracle, one file that needs numpy and scipy alone."""

from __future__ import annotations

from collections.abc import Iterable

from ..derive.notation import text
from ..lower.forms import LoweredCells
from .bundle import bundle
from .numpy_printer import BroadcastPrinter
from .source import Source

_HEADER = '''"""{title}: cell problems for Fourier collocation.

{mathematics}
Plus convention u1 = sum_j N_j D^alpha_j u0; each N is periodic with zero mean; <.> is the mean over the cell.
Run it: python {name}
"""

from __future__ import annotations
'''


def cells(lowered: LoweredCells) -> Source:
    """`cell_fourier.py`: coefficients, sources and functionals of the cell problems, and the solver that runs them."""
    name = "cell_fourier.py"
    printer = BroadcastPrinter()
    code = printer.expression
    sign = {w: (-1) ** sum(w.left) for w in (*lowered.bilinear, *(w for c in lowered.correctors for w in c.weak))}
    functions = [
        _function(
            lowered,
            "operator",
            "[(left, c, right)]: sum of D^left( c D^right N ) of the cell operator.",
            [f"({w.left}, {code(sign[w] * w.coefficient)}, {w.right})" for w in lowered.bilinear],
        ),
        _function(
            lowered,
            "sources",
            "[[(left, g)]]: the right-hand side sum D^left( g ) of each cell problem, in the order of KEYS.",
            ["[" + ", ".join(f"({w.left}, {code(sign[w] * w.coefficient)})" for w in c.weak) + "]" for c in lowered.correctors],
        ),
        _function(
            lowered,
            "effective",
            "[(key, constant, [(c, j, derivative)])]: <constant> + sum <c D^derivative N_j>.",
            [
                f"({(f.name, f.index)}, {code(f.constant)}, ["
                + ", ".join(f"({code(t.coefficient)}, {t.corrector}, {t.derivative})" for t in f.terms)
                + "])"
                for f in lowered.effective
            ],
        ),
    ]
    constants = [
        f"CELL = {lowered.cell.bounds!r}",
        f"SLOW = {tuple(map(str, lowered.slow))!r}",
        f"PARAMETERS = {tuple(map(str, lowered.parameters))!r}",
        f"KEYS = {tuple(c.key for c in lowered.correctors)!r}",
        f"SYMMETRIC = {lowered.symmetric}",
        "",
    ]
    head = _HEADER.format(title=lowered.title, mathematics="\n".join(_mathematics(lowered)), name=name)
    runtime = bundle("fourier_cells").replace("from __future__ import annotations\n", "")
    body = [head + "\n" + "\n".join(printer.imports), runtime, "\n".join(constants), *functions]
    body.append('if __name__ == "__main__":\n    import sys\n\n    main(sys.modules[__name__])\n')
    return Source("numpy", ((name, "\n\n".join(body)),))


def _function(lowered: LoweredCells, name: str, doc: str, rows: Iterable[str]) -> str:
    """A function of (y, x, p) that returns a list, its coordinates unpacked by name."""
    lines = [f"def {name}(y, x, p):", f'    """{doc}"""']
    rows = list(rows)
    for holder, symbols in (("y", lowered.coordinates), ("x", lowered.slow)):
        lines += [f"    {v} = {holder}[{k}]" for k, v in enumerate(symbols) if any(_uses(row, str(v)) for row in rows)]
    used = [str(v) for v in lowered.parameters if any(_uses(row, str(v)) for row in rows)]
    lines += [f'    {v} = p["{v}"]' for v in sorted(used, key="p".__eq__)]  # a parameter named p hides the table: last
    return "\n".join([*lines, "    return [", *(f"        {row}," for row in rows), "    ]\n"])


def _uses(code: str, name: str) -> bool:
    return name in set("".join(ch if ch.isalnum() or ch == "_" else " " for ch in code).split())


def _mathematics(lowered: LoweredCells) -> list[str]:
    """The cell problems and the effective law in text."""
    lines = [f"Cell {lowered.cell}, coordinates {', '.join(map(str, lowered.coordinates))}."]
    operator = " + ".join(f"D^{w.left}[({text((-1) ** sum(w.left) * w.coefficient)}) D^{w.right} N]" for w in lowered.bilinear)
    lines.append(f"A_0 N = {operator}")
    for c in lowered.correctors:
        lines.append(f"A_0 {c.name} = " + " + ".join(f"D^{w.left}[{text((-1) ** sum(w.left) * w.coefficient)}]" for w in c.weak))
    for f in lowered.effective:
        terms = (f"({text(t.coefficient)}) D^{t.derivative} {lowered.correctors[t.corrector].name}" for t in f.terms)
        lines.append(f"{f.name}{list(f.index)} = <{' + '.join([text(f.constant), *terms])}>")
    return lines
