"""The formulas of scripts for other PINN libraries: residuals and means over the columns of points
and outputs, and what one such script cannot express.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..lower.forms import (
    LoweredCells,
    LoweredEquation,
    MultiIndex,
)
from ..operator.table import unit
from ..operator.zero_test import jumps
from ..problem.errors import UnsupportedError
from .layout import WIDTH
from .torch_printer import Slot, argument_name, statements
from .torch_text import CoefficientTables
from .unknown_functions import function_names

_PINN_TARGET = 'nh.emit(model, "torch") covers it; so does solve_cells(model)'
_SCRIPT_NAMES = """
    _ k dde grad math np os torch points outputs residuals effective start main net model grid cell
    box data on conditions problem solver options centred name rows flux found starts ends end p
    PARAMETERS KNOWN MEANS CartesianDomain Condition Equation FeedForward LabelTensor PINN
    SpatialProblem TimeDependentProblem Trainer CellProblem BoundaryValueProblem PeriodicInputs
    cell_functions derivative effective_array effective_numbers parameter training_steps
    uniform_grid write_means flux_means divergence fluxes row div i j p x sources equations k
    ENDS Union
"""
# Columns of a statement in a function.
_ROOM = WIDTH - 4
# Of loops over cell functions.
_LOOP_NAMES = ("N", "g", "q")


@dataclass(frozen=True)
class Columns:
    """How a library is asked for one column of a tensor, and for several at once: templates over
    the {name} of a column, its number {i}, {j} = {i} + 1, what it is a derivative {of}, and the
    {labels} of several.
    """

    one: str
    several: str


@dataclass(frozen=True)
class ScriptLibrary:
    """The columns of points, of outputs, and of the gradient of an output.

    whole: several columns are all that there are, otherwise those that are named.
    functions: `outputs` by cell function of {m} components; along: a derivative of a column {of} by
    the coordinate {name}, with number {i}; twice: by {name}, then {other}, with numbers {i}, {j}.
    gradients_of: the derivatives of {m} columns of `outputs` by the
    coordinates with {labels}, {cut} off those of others; divergence_of: of the columns `row`;
    values: the `outputs` as a tensor of torch.
    """

    coordinates: Columns
    outputs: Columns
    derivatives: Columns
    whole: bool
    functions: str
    along: str
    twice: str
    gradients_of: str
    divergence_of: str
    values: str

    def gradients(self, coordinates: Sequence[str], columns: int, axes: int) -> str:
        """The derivatives of all outputs by the first coordinates, those of each together."""
        cut = f"[:, :{axes}]" if axes < len(coordinates) else ""
        labels = ", ".join(f'"{name}"' for name in coordinates[:axes])
        return self.gradients_of.format(m=columns, cut=cut, labels=labels)

    def divergence(self, coordinates: Sequence[str]) -> str:
        """The divergence of the columns `row`."""
        return self.divergence_of.format(labels=labels_text(coordinates))

    def assigned(
        self, columns: Columns, names: Mapping[str, int], labels: Sequence[str], of: str = ""
    ) -> list[str]:
        """The statements that give some columns their names, one where it fits into a line;
        labels: of all columns.
        """
        places = range(len(labels)) if self.whole else names.values()
        held = labels_text([labels[i] for i in names.values()])
        whole = self.unpacked(columns, names, places, held, of)
        if len(names) > 1 and len(whole) <= _ROOM:
            return [whole]
        return [
            f"{name} = {columns.one.format(name=labels[i], i=i, j=i + 1, of=of)}"
            for name, i in names.items()
        ]

    def unpacked(
        self,
        columns: Columns,
        names: Mapping[str, int],
        places: Iterable[int],
        labels: str,
        of: str,
    ) -> str:
        """The statement that names the columns at `places`, in their order."""
        by_place = {i: name for name, i in names.items()}
        left = ", ".join(by_place.get(i, "_") for i in places)
        return f"{left} = {columns.several.format(of=of, labels=labels)}"


def labels_text(labels: Sequence[str]) -> str:
    """Names of columns as a tuple."""
    held = ", ".join(f'"{name}"' for name in labels)
    return f"({held},)" if len(labels) == 1 else f"({held})"


@dataclass(frozen=True)
class ExternalTensor:
    """An effective coefficient that is an array, of which all but the entries at `places` vanish;
    sign: what fluxes take it with.
    """

    sign: int
    sizes: tuple[int, ...]
    places: set[tuple[int, ...]]

    @property
    def by_gradients(self) -> bool:
        """Whether it multiplies gradients, not values."""
        return len(self.sizes) == 4


class Script:
    """The names in a script, all of them different: the columns of `points` and of `outputs`, and
    numbers.
    """

    def __init__(
        self,
        library: ScriptLibrary,
        coordinates: Sequence[sp.Symbol],
        numbers: Sequence[sp.Symbol],
        unknowns: Sequence[str],
        tensor: str = "outputs",
    ) -> None:
        self.library = library
        self.tensor = tensor
        self._taken = set(_SCRIPT_NAMES.split())
        self.unknowns = [self.free(re.sub(r"\W", "_", name)) for name in unknowns]
        self._taken |= set(_LOOP_NAMES)
        self.coordinates = [self.free(argument_name(s)) for s in coordinates]
        self.numbers = [self.free(argument_name(s)) for s in numbers]
        symbols = [*coordinates, *numbers]
        names = [*self.coordinates, *self.numbers]
        self._slots = {s: Slot(name) for s, name in zip(symbols, names, strict=True)}
        self.values: dict[tuple[int, MultiIndex], Slot] = {}
        self.tensors: dict[str, str] = {}
        self.fluxes: set[sp.Basic] = set()

    def value(self, column: int, index: MultiIndex) -> Slot:
        """D^index of an unknown, in an expression."""
        key = column, index
        if key not in self.values:
            marks = "".join(name * n for name, n in zip(self.coordinates, index))
            name = self.unknowns[column] + (f"_{marks}" if marks else "")
            self.values[key] = Slot(self.free(name) if marks else name)
        return self.values[key]

    def flux(self, place: str) -> Slot:
        """A flux in an expression: q[place] of what the function `flux` returns."""
        slot = Slot(f"q{place}")
        self.fluxes.add(slot)
        return slot

    def add_tensor(self, name: str, entries: Mapping[sp.Symbol, tuple[int, ...]]) -> None:
        """A number of the script that is a tensor, whose entries stand for symbols."""
        held = self.free(name)
        self.tensors[name] = held
        self._slots |= {s: Slot(f"{held}[{', '.join(map(str, k))}]") for s, k in entries.items()}

    def body(self, expressions: Sequence[sp.Expr]) -> tuple[list[str], list[str]]:
        """The statements before, and the text of each expression."""
        written = [sp.sympify(e).xreplace(self._slots) for e in expressions]
        used = set[sp.Basic]().union(*(e.free_symbols for e in written))
        lines = self._columns(used) + self._derivatives(used)
        lines += ["q = flux(points, outputs)"] if used & self.fluxes else []
        taken = [Slot(name) for name in {*self._taken, *self.coordinates, *self.unknowns}]
        like = self._like(used)
        shared, texts = statements(written, like, taken)
        return [*lines, *shared], texts

    def derived(self, text: str, index: MultiIndex) -> str:
        """The text of a derivative of a column."""
        axes = [axis for axis, order in enumerate(index) for _ in range(order)]
        while axes:
            first, *others = axes[:2]
            name = self.coordinates[first]
            if others:
                other = self.coordinates[others[0]]
                held = {"name": name, "i": first, "other": other, "j": others[0]}
                text = self.library.twice.format(of=text, **held)
            else:
                text = self.library.along.format(of=text, name=name, i=first)
            axes = axes[2:]
        return text

    def are_outputs(self, residuals: Sequence[sp.Expr]) -> bool:
        """Whether these are the unknowns themselves."""
        own = [
            self.values.get((j, (0,) * len(self.coordinates))) for j in range(len(self.unknowns))
        ]
        return list(residuals) == own

    def varies(self, e: sp.Expr) -> bool:
        """Whether an expression holds coordinates or unknowns."""
        own = {*self.values.values(), *(s for s in self._slots if s.name in self.coordinates)}
        return not own.isdisjoint(e.free_symbols)

    def _columns(self, used: set[sp.Basic]) -> list[str]:
        """The coordinates."""
        held = {name: i for i, name in enumerate(self.coordinates) if Slot(name) in used}
        return self.library.assigned(self.library.coordinates, held, self.coordinates)

    def _derivatives(self, used: set[sp.Basic]) -> list[str]:
        """The unknowns, then every derivative from the one before it."""
        needed = dict[tuple[int, MultiIndex], None]()
        for (column, index), slot in list(self.values.items()):
            if slot in used:
                needed |= dict.fromkeys((column, a) for a in _chain(index))
        order = sorted(needed, key=lambda key: (key[0], sum(key[1]), [-n for n in key[1]]))
        outputs = {self.value(*key).name: key[0] for key in order if not any(key[1])}
        lines = self._outputs(outputs)
        steps: dict[tuple[int, MultiIndex], dict[str, int]] = {}
        for column, index in order:
            if any(index):
                before = _chain(index)[-2]
                axis = next(i for i, (a, b) in enumerate(zip(index, before)) if a != b)
                steps.setdefault((column, before), {})[self.value(column, index).name] = axis
        for key, axes in steps.items():
            of = self.value(*key).name
            lines += self.library.assigned(self.library.derivatives, axes, self.coordinates, of)
        return lines

    def _outputs(self, names: Mapping[str, int]) -> list[str]:
        """The unknowns; where they are one column of the tensor, or all of one, these."""
        library = self.library
        if self.unknowns == [self.tensor] or not names:
            return []
        if self.tensor == "outputs":
            return library.assigned(library.outputs, names, self.unknowns, self.tensor)
        every = range(len(self.unknowns))
        labels = f"{self.tensor}.labels"
        return [library.unpacked(library.outputs, names, every, labels, self.tensor)]

    def _like(self, used: set[sp.Basic]) -> str:
        """A tensor that constants in branches are shaped after."""
        return next((name for name in self.coordinates if Slot(name) in used), "points[:, 0:1]")

    def free(self, name: str) -> str:
        """The name, or one like it, that nothing else has."""
        while name in self._taken or re.fullmatch(r"s\d+", name):
            name += "_"
        self._taken.add(name)
        return name


def _chain(index: MultiIndex) -> list[MultiIndex]:
    """From zero to the index, axis by axis, one derivative at a time."""
    found = [(0,) * len(index)]
    for axis, order in enumerate(index):
        for _ in range(order):
            last = found[-1]
            found.append((*last[:axis], last[axis] + 1, *last[axis + 1 :]))
    return found


def require_cells(lowered: LoweredCells) -> None:
    """UnsupportedError for cell problems that one net and one set of residuals do not express."""
    _require_smooth(lowered, [t.coefficient for t in lowered.bilinear])
    if lowered.slow:
        raise UnsupportedError(
            "a coefficient depends on x as well: there is a cell problem for every x",
            term=lowered.slow,
            remedy=_PINN_TARGET,
        )
    for form in lowered.functions:
        if form.role in ("ground state", "adjoint"):
            raise UnsupportedError(
                "a kernel of the cell operator comes first: an eigenvalue problem",
                term=form.name,
                remedy=_PINN_TARGET,
            )
        if not form.solvable:
            raise UnsupportedError(
                "the right-hand side of a cell problem loses its mean, which is an effective"
                " coefficient",
                term=form.name,
                remedy=f"homogenize(problem, order=1); {_PINN_TARGET}",
            )


def require_equation(lowered: LoweredEquation) -> None:
    """UnsupportedError for a boundary value problem that the scripts do not express."""
    _require_smooth(lowered, [t.coefficient for t in lowered.bilinear])
    for external in lowered.externals:
        if any(external.derivative):
            raise UnsupportedError(
                "an effective coefficient depends on x: its values are no single number",
                term=external.symbol,
                remedy=_PINN_TARGET,
            )


def _require_smooth(lowered: LoweredCells | LoweredEquation, held: Sequence[sp.Expr]) -> None:
    if lowered.jumps:
        raise UnsupportedError(
            "a coefficient jumps: the residual, which is the strong form, is not defined across"
            " the jump",
            term=next((c for c in held if jumps(c)), lowered.title),
            remedy='nh.emit(model, "torch") has one net for every phase, "skfem" needs none',
        )
    if lowered.complex:
        raise UnsupportedError("a coefficient is complex: the nets are real", term=lowered.title)
    if function_names(lowered):
        raise UnsupportedError(
            "a coefficient has no formula",
            term=function_names(lowered),
            remedy='write it as a formula, or use solve_cells(model, "pinn", coefficients=...)',
        )


def cell_script(library: ScriptLibrary, lowered: LoweredCells) -> Script:
    """The names of a script of all cell functions."""
    names = [
        form.name + (f"_{i + 1}" if lowered.components > 1 else "")
        for form in lowered.functions
        for i in range(lowered.components)
    ]
    return Script(library, lowered.coordinates, lowered.parameters, names)


def equation_script(library: ScriptLibrary, lowered: LoweredEquation) -> Script:
    """The names of a script of a boundary value problem."""
    time = () if lowered.time is None else (lowered.time,)
    several = lowered.components > 1
    names = [f"u_{j + 1}" if several else "u" for j in range(lowered.components)]
    tensors = external_tensors(lowered)
    numbers = [e.symbol for e in lowered.externals if e.name not in tensors]
    script = Script(library, (*lowered.coordinates, *time), [*lowered.parameters, *numbers], names)
    for tensor in tensors:
        script.add_tensor(
            tensor, {e.symbol: e.index for e in lowered.externals if e.name == tensor}
        )
    return script


def external_tensors(lowered: LoweredEquation) -> dict[str, ExternalTensor]:
    """The effective coefficients for which the fluxes of a system in the plane or in space are
    sums of sign A_ikjl d_l u_j and sign B_ikj u_j, by name, where one that gradients are multiplied
    by is no sparse array; none where fluxes are others.
    """
    m, d = lowered.components, len(lowered.coordinates)
    axes = {unit(k, d): (k,) for k in range(d)} | {(0,) * d: ()}
    own = {e.symbol: e for e in lowered.externals}
    found: dict[str, ExternalTensor] = {}
    for t in lowered.bilinear:
        if not any(t.left):
            continue
        sign, symbol = t.coefficient.as_coeff_Mul()
        external = own.get(symbol)
        right = axes.get(t.right)
        if external is None or right is None or abs(sign) != 1:
            return {}
        sizes = (m, d, m, d)[: 3 + len(right)]
        tensor = found.setdefault(external.name, ExternalTensor(int(sign), sizes, set()))
        place = (t.equation, *axes.get(t.left, ()), t.field, *right)
        if external.index != place or (tensor.sign, tensor.sizes) != (sign, sizes):
            return {}
        tensor.places.add(place)
    dense = any(t.by_gradients and 2 * len(t.places) >= (m * d) ** 2 for t in found.values())
    return found if min(m, d) > 1 and dense else {}


def applied(script: Script, tables: CoefficientTables, equation: int, first: int) -> sp.Expr:
    """The left-hand side of an equation; the unknowns are the columns from `first` on."""
    return sp.Add(
        *[
            c * script.value(first + j, index)
            for (i, j), table in tables.items()
            for index, c in table.items()
            if i == equation
        ]
    )
