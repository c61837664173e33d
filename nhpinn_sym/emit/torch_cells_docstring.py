"""The docstring of cell_residual.py: cell problems and effective coefficients in formulas."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..lower.forms import CellForm, Functional, LoweredCells
from .fem_scope import solved_functionals
from .integrands import Derivative, WeightedFactors, mean, source
from .torch_coefficients import given_symbols
from .torch_text import commented, formulas, given_names, tabulated
from .unknown_functions import function_names

_KERNELS: Mapping[str, str] = {
    "ground state": "the positive solution of mean 1 for the smallest eigenvalue",
    "adjoint": (
        "of the transposed operator, of mean 1 (of its own component, 0 of the others; or of mean 1"
        " with the ground state)"
    ),
}


def cells_docstring(lowered: LoweredCells, outputs: int) -> str:
    """outputs: of a net for the first stage."""
    law = solved_functionals(lowered).values()
    functionals = "\n".join(commented(_functional(lowered, f), 4) for f in law)
    slow = ""
    ranges = ""
    if lowered.slow:
        slow = f", for every {', '.join(map(str, lowered.slow))}"
        ranges = """
Slow coordinates are plain inputs, in (-1, 1) by default: pass axes with their ranges to mlp and
cell_functions."""
    given = given_names((*given_symbols(lowered), *map(sp.Symbol, function_names(lowered))))
    coordinates = ", ".join(map(str, lowered.coordinates))
    return f"""{lowered.title}: the cell problems.

Every cell function N is periodic in ({coordinates}) on {lowered.cell}, has zero mean, and
solves{slow}

{_system(lowered)}

where D^(a, b, ...) counts derivatives per coordinate, and the source, less its mean, is

{_listed_sources(lowered)}

Effective coefficients, <.> being the mean over the cell:

{functionals}

Training a net of your own, for the first stage:

    from nhpinn_sym.runtime.nets.networks import mlp

    layers = mlp(width=24, depth=2, outputs={outputs}, axes=AXES)
    loss = residual(points, cell_functions(points, layers){given}).square().mean()

residual is linear in d: with the features of a net in place of its outputs the coefficients give
the columns of a least-squares problem. The mean of a cell function is free: subtract it.
effective(points, d) gives the coefficients from a uniform grid of the cell.{ranges}
"""


def _system(lowered: LoweredCells) -> str:
    right = ["source"]
    if lowered.components > 1:
        right = [f"source[{i}]" for i in range(lowered.components)]
    return formulas(tabulated(lowered.strong), "N", right)


def _listed_sources(lowered: LoweredCells) -> str:
    lines = []
    for f in lowered.functions:
        if f.role in _KERNELS:
            lines.append(f"{f.name}:  0, {_KERNELS[f.role]}")
            continue
        for i in range(lowered.components):
            name = _component(lowered, f.name, i)
            lines.append(f"{name}:  {_right_hand_side(lowered, f, i)}")
    return "\n".join(commented(line, 4) for line in lines)


def _right_hand_side(lowered: LoweredCells, form: CellForm, equation: int) -> str:
    own = source(t for t in form.source if t.equation == equation)
    return " + ".join(_product(lowered, product) for product in own) or "0"


def _product(lowered: LoweredCells, product: WeightedFactors) -> str:
    """(c) D^(1, 0) N; a coefficient without factors as it is."""
    if not product.factors:
        return str(product.coefficient)
    known = (_known(lowered, factor) for factor in product.factors)
    return " ".join([f"({product.coefficient})", *known])


def _known(lowered: LoweredCells, d: Derivative) -> str:
    """A derivative of a cell function, by its name."""
    name = _component(lowered, lowered.functions[int(d.function)].name, d.component)
    if any(d.orders):
        return f"D^{d.orders} {name}"
    return name


def _component(lowered: LoweredCells, name: str, component: int) -> str:
    if lowered.components == 1:
        return name
    return f"{name}[{component}]"


def _functional(lowered: LoweredCells, f: Functional) -> str:
    parts = [p for p in mean(f) if p.factors or p.coefficient != 0]
    integrand = " + ".join(_product(lowered, part) for part in parts) or "0"
    note = ""
    if f.dual is not None:
        sign, number = f.dual
        name = lowered.functions[number].name
        note = f"  [energy formula, dual solution {sign} * {name}]"
    index = list(f.index) if f.index else ""
    return f"{f.name}{index} = <{integrand}>{note}"
