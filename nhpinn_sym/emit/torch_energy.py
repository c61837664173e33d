"""cell_energy.py and cell_dual.py: the minimum problems of symmetric cell operators for torch; coefficients may jump.

Only first derivatives of a net are needed (second ones of Airy's function), none of a coefficient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import sympy as sp

from ..lower.energy import CellEnergy, EquationEnergy, Map, cell_energy, equation_energy
from ..lower.forms import FunctionalTerm, LoweredCells, LoweredEquation, MultiIndex
from ..problem.errors import UnsupportedError
from .constraints import constrain
from .opaque import function_names
from .source import Source
from .torch_printer import Slot
from .torch_text import NET, Scope, assemble, closure, commented, function, given_names, header

_RUNTIME = Path(__file__).parent / "runtime" / "torch_kinks.py"
_MARK = "# ======== kinks ========\n"
_OWN = "A"


def cells(lowered: LoweredCells, levels: Sequence[sp.Expr] = ()) -> Source:
    """cell_energy.py (gradients) and cell_dual.py (fluxes); columns of `points` are the fast coordinates.

    levels: functions of the fast coordinates that vanish where coefficients jump; the nets have kinks there.
    UnsupportedError where the cell problems are no minimum problems.
    """
    energy = cell_energy(lowered)
    return Source("torch", (("cell_energy.py", _file(lowered, energy, levels, energy.strain, lowered.components, dual=False)),
                            ("cell_dual.py", _file(lowered, energy, levels, energy.flux, energy.potentials, dual=True))))


def equation(lowered: LoweredEquation, name: str, derivatives: Iterable[MultiIndex] = ()) -> Source:
    """{name}_energy.py: the energy of a boundary value problem, and the ansatz that satisfies its essential data; `derivatives` beyond the first
    are provided where they are asked for.

    UnsupportedError where it has no energy, or where essential data contradict each other (they would be soft).
    """
    energy, constraints = equation_energy(lowered), [constrain(lowered, j) for j in range(lowered.components)]
    soft = next((face for c in constraints for face in c.soft), None)
    if soft is not None:
        raise UnsupportedError("an energy with Dirichlet data that contradict those of a neighbouring face", term=lowered.essential[0],
                               remedy='use method="residual"')
    scope = Scope(lowered.coordinates, (*lowered.parameters, *(e.symbol for e in lowered.externals)), function_names(lowered))
    dim, components, size = lowered.domain.dim, lowered.components, len(energy.slots)
    indices = closure([(0,) * dim, *(index for _, index in energy.slots), *derivatives])
    axes = [("periodic" if i in lowered.periodic else "scaled", a, b) for i, (a, b) in enumerate(lowered.domain.intervals)]
    vector = f"return stack(points{', {}' * size})"
    values = ", ".join(f"d[{index}][..., {i}]" for i, index in energy.slots)
    parts = [
        f"{header(scope, {'INDICES': indices}, axes)}\nCOMPONENTS = {components}\nSLOTS = {energy.slots}  # (component, multi-index)",
        _symmetric(scope, "quadratic", "points", f"The symmetric C of 1/2 slots . C slots, (..., {size}, {size}).", energy.quadratic),
        scope.function("load", "points", "The factors of the slots in l(u).", energy.linear, vector),
        function("slots(d)", "The derivatives of u in SLOTS, for its jet.", [f"return torch.stack([{values}], -1)"]),
        function(f"energy(points, d{scope.collect})", "The integrand of 1/2 B(u, u) - l(u) inside.", [
            "s = slots(d)", f"return 0.5 * torch.einsum('...p,...pq,...q->...', s, quadratic(points{scope.forward}), s) "
                            f"- (load(points{scope.forward}) * s).sum(-1)"]),
        *_faces(scope, energy, dim),
        scope.jet("lift", [c.lift for c in constraints], indices, "The jet of a function that takes the essential data."),
        scope.jet("factor", [c.factor for c in constraints], indices, "The jet of a function that vanishes where essential data are taken."),
        function(f"solution({NET}{scope.collect})", "The jet of lift + factor * net on a net of these layers.",
                 ["net = network(points, layers, indices, axes)",
                  f"return add(lift(points{scope.forward}), product(factor(points{scope.forward}), net))"]),
    ]
    text = assemble(_equation_docstring(lowered, energy, given_names(scope.given)), parts)
    return Source("torch", ((f"{name}_energy.py", _with_columns(text, components)),))


def _with_columns(text: str, components: int) -> str:
    """lift and factor with an axis for the components, of one too."""
    if components > 1:
        return text
    head, mark, rest = text.partition("def lift(")
    body, end, tail = rest.partition("def solution(")
    return head + mark + body.replace(": full(points, ", ": stack(points, ") + end + tail


def _faces(scope: Scope, energy: EquationEnergy, dim: int) -> list[str]:
    """{face: (alpha, g)} of the natural conditions."""
    parts, rows = [], []
    for (axis, end), alpha, value in energy.natural:
        for name, summary, entries in (("alpha", "The factors of u^2 / 2", alpha), ("value", "The factors of u, with a minus sign,", value)):
            parts.append(scope.function(f"{name}_{axis}_{end}", "points", f"{summary} in the energy of face {(axis, end)}, by component.",
                                        entries, f"return stack(points{', {}' * len(entries)})"))
        rows.append(f"    {(axis, end)}: (alpha_{axis}_{end}, value_{axis}_{end}),\n")
    parts.append(f"BOUNDARY = {{\n{''.join(rows)}}}" if rows else "BOUNDARY = {}")
    zero = (0,) * dim
    parts.append(function(f"boundary_energy(points, d, face{scope.collect})", "The integrand on a face in BOUNDARY.", [
        "alpha, value = BOUNDARY[face]",
        f"return ((0.5 * alpha(points{scope.forward}) * d[{zero}] - value(points{scope.forward})) * d[{zero}]).sum(-1)"]))
    return parts


def _equation_docstring(lowered: LoweredEquation, energy: EquationEnergy, given: str) -> str:
    rows = range(len(energy.slots))
    listed = [f"slot {p}: D^{index} u[{i}]" for p, (i, index) in enumerate(energy.slots)]
    listed += [f"C[{p}, {q}] = {energy.quadratic[p, q]}" for p in rows for q in range(p + 1) if energy.quadratic[p, q] != 0]
    listed += [f"l[{p}] = {energy.linear[p]}" for p in rows if energy.linear[p] != 0]
    return f"""{lowered.title}: its energy.

u minimizes the integral of 1/2 slots . C slots - l . slots over {lowered.domain}, and what `boundary_energy` adds on faces, among all
functions with its essential data:

{chr(10).join(commented(line, 4) for line in listed)}

Training a net of your own, with points and weights of a quadrature:

    layers = mlp(width=24, depth=2, outputs={lowered.components}, axes=AXES)
    loss = weights @ energy(points, solution(points, layers{given}){given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""


def _file(lowered: LoweredCells, energy: CellEnergy, levels: Sequence[sp.Expr], rows: Map, components: int, dual: bool) -> str:
    scope, dim = Scope(lowered.coordinates, lowered.parameters, function_names(lowered)), lowered.cell.dim
    indices = closure([(0,) * dim, *(index for row in rows for _, index, _ in row)])
    axes = [("periodic", a, b) for a, b in lowered.cell.intervals]
    name, zero = ("flux", "the fluxes that are divergence-free by construction") if dual else ("strain", "the derivatives D_k N_i")
    parts = [
        f"{header(scope, {'INDICES': indices}, axes)}\n{_names(lowered, energy, rows, components, name)}",
        _symmetric(scope, "stiffness", "points", f"The symmetric coefficients C, (..., {energy.stiffness.rows}, {energy.stiffness.rows}).",
                   energy.stiffness),
        function(f"{name}(d)", f"{zero[0].upper()}{zero[1:]}, numbered as in {name.upper()}, for the jet of one function: (..., {len(rows)}).",
                 [f"zero = torch.zeros_like(d[{(0,) * dim}][..., 0])" if components else f"zero = d[{(0,) * dim}].new_zeros(())",
                  f"return torch.stack([sum((factor * d[index][..., i] for i, index, factor in row), zero) for row in {name.upper()}], -1)"]),
        *(_complementary(scope) if dual else _gradient_energy(scope, lowered)),
        function(f"cell_functions({NET})", "The jet of a net, periodic by its inputs.", ["return network(points, layers, indices, axes)"]),
    ]
    text = assemble(_docstring(lowered, energy, dual), parts)
    return text + _kinks(lowered, levels, indices, power=energy.order if dual else 1) if levels else text


def _names(lowered: LoweredCells, energy: CellEnergy, rows: Map, components: int, name: str) -> str:
    return "\n".join([
        f"COMPONENTS = {components}",
        f"FUNCTIONS = {({f.name: place for f, place in zip(lowered.functions, energy.functions)})}  # (row of the macroscopic strain, sign)",
        f"{name.upper()} = (  # (component, multi-index, factor) of the terms of each row", *(f"    {row}," for row in rows), ")",
    ])


def _symmetric(scope: Scope, name: str, arguments: str, summary: str, matrix: sp.Matrix) -> str:
    """A function that returns a symmetric matrix at every point."""
    size = matrix.rows
    entries = [matrix[p, q] for p in range(size) for q in range(p + 1)]
    order = ", ".join(str(max(p, q) * (max(p, q) + 1) // 2 + min(p, q)) for p in range(size) for q in range(size))
    return scope.function(name, arguments, summary, entries,
                          f"lower = stack(points{', {}' * len(entries)})\nreturn lower[..., ({order},)].unflatten(-1, ({size}, {size}))")


def _gradient_energy(scope: Scope, lowered: LoweredCells) -> list[str]:
    given = scope.forward
    return [
        function(f"energy(points, d, mean{scope.collect})",
                 "The integrand of 1/2 E . A* E, which the cell function of the macroscopic strain E = mean minimizes; d: its jet.",
                 ["total = strain(d) + torch.as_tensor(mean, dtype=points.dtype, device=points.device)",
                  f'return 0.5 * torch.einsum("...p,...pq,...q->...", total, stiffness(points{given}), total)']),
        function(f"bilinear(points, u, v{scope.collect})", "The integrand of the weak form B(u, v), for the jets of u and v.",
                 [f'return torch.einsum("...p,...pq,...q->...", strain(v), stiffness(points{given}), strain(u))']),
        function(f"loads(points, v{scope.collect})", "The integrands of the right-hand sides l(v) of FUNCTIONS, a column for each.",
                 [f'fluxes = torch.einsum("...p,...pq->...q", strain(v), stiffness(points{given}))',
                  "return torch.stack([-sign * fluxes[..., row] for row, sign in FUNCTIONS.values()], -1)"]),
        *_law(scope, lowered),
    ]


def _complementary(scope: Scope) -> list[str]:
    return [function(f"energy(points, d, mean{scope.collect})",
                     "The integrand of 1/2 S . A*^-1 S, which the potentials of the mean flux S minimize; d: their jet.",
                     ["total = flux(d) + torch.as_tensor(mean, dtype=points.dtype, device=points.device)",
                      f"compliance = torch.linalg.pinv(stiffness(points{scope.forward}), hermitian=True)",
                      'return 0.5 * torch.einsum("...p,...pq,...q->...", total, compliance, total)'])]


def _law(scope: Scope, lowered: LoweredCells) -> list[str]:
    """The other effective coefficients: those of lower order."""
    others = [f for f in lowered.effective if f.name != _OWN]
    if not others:
        return []

    def written(t: FunctionalTerm) -> sp.Expr:
        slots = [Slot(f"d[{f.derivative}][..., {f.function * lowered.components + f.component}]") for f in t.factors]
        return t.coefficient * sp.Mul(*slots)

    rows = "".join(f"    {(f.name, f.index)}: full(points, {{}}),\n" for f in others)
    return [scope.function("law", "points, d", "The integrands of the effective coefficients beside A; d: the jet of all functions.",
                           [f.constant + sp.Add(*map(written, f.terms)) for f in others], f"return {{{{\n{rows}}}}}")]


def _kinks(lowered: LoweredCells, levels: Sequence[sp.Expr], indices: Sequence[MultiIndex], power: int) -> str:
    """What replaces the smooth inputs of a net."""
    runtime, order = _RUNTIME.read_text().split(_MARK)[1], max(2, *map(sum, indices))
    known = tuple(a for a in closure([(order,) * lowered.cell.dim]) if sum(a) <= order)
    smooth = [level.rewrite(sp.Piecewise) for level in levels]  # the derivatives of Max are not printed
    text = Scope(lowered.coordinates).jet("levels", smooth, known, "The jets of the functions that vanish where a coefficient jumps, (..., LEVELS).")
    text = text if len(levels) > 1 else text.replace("full(points, ", "stack(points, ")
    constants = f"LEVELS, POWER = {len(levels)}, {power}\nsmooth_embed, smooth_inputs = embed, inputs"
    return "\n\n" + "\n\n\n".join([_MARK + constants, text, runtime.strip()]) + "\n"


def _docstring(lowered: LoweredCells, energy: CellEnergy, dual: bool) -> str:
    rows = range(energy.stiffness.rows)
    entries = "\n".join(commented(f"C[{p}, {q}] = {energy.stiffness[p, q]}", 4) for p in rows for q in range(p + 1) if energy.stiffness[p, q] != 0)
    given = given_names(lowered.parameters)
    if dual:
        meaning = """S . A*^-1 S = min <(S + flux(psi)) . C^-1 (S + flux(psi))> over periodic potentials psi, for every mean flux S:
any net gives a lower bound of A*. flux(psi) is divergence-free for every psi."""
        outputs = energy.potentials
    else:
        meaning = """E . A* E = min <(E + strain(N)) . C (E + strain(N))> over periodic N, for every macroscopic strain E:
any net gives an upper bound of A*. Row i * dim + k of the strain is D_k N_i."""
        outputs = lowered.components
    return f"""{lowered.title}: the {"complementary " if dual else ""}energy of the cell problems.

{meaning}
<.> is the mean over the cell, and the symmetric C has the entries

{entries}

Training a net of your own for one macroscopic {"flux" if dual else "strain"}; points and weights (of sum 1) of a quadrature that heeds the jumps:

    layers = mlp(width=24, depth=2, outputs={outputs}, axes=AXES)
    loss = weights @ energy(points, cell_functions(points, layers), mean={(1.0, *[0.0] * (len(rows) - 1))}{given})

A trained net can exploit the errors of a quadrature: compare with a second one.
"""
