"""The derived model: cell problems, effective law, homogenized equation, and how they were found.

Everything that is read rather than computed with (equations, formulas, the derivation) is made when
it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sympy as sp

from ..operator.table import MultiIndex, Operator, Table
from ..problem.pictures import Drawing
from ..problem.problem import MultiscaleProblem
from .derivation import Derivation
from .derived import DerivedModel
from .effective_terms import EffectiveEntry, Frame, Transformation
from .hierarchy import hierarchy
from .notation import text
from .products import Corrector, MacroscopicSource
from .recursion import Recursion
from .steps import write_steps
from .to_sympy import Framing, Writer


@dataclass(frozen=True)
class CellProblem:
    """A_0 N = -(R - <R>) on the cell, N periodic with <N> = 0; u_`order` contains sign * N D^alpha
    U_q for each ((q, alpha), sign) of `sources`.

    `function` is its unknown (a column for systems), `equation` the problem as SymPy, `key` the
    first of its sources.
    """

    name: str
    sources: tuple[tuple[MacroscopicSource, int], ...]
    order: float
    cell_function: Corrector
    writer: Writer

    @property
    def key(self) -> MacroscopicSource:
        return self.sources[0][0]

    @property
    def function(self) -> sp.Expr:
        return self.writer.column(self.cell_function.number)

    @cached_property
    def equation(self) -> sp.Equality:
        return self.writer.cell_equation(self.cell_function)

    @property
    def rhs(self) -> Mapping[tuple[int, MultiIndex], sp.Expr]:
        """{(equation, left): c}: the equation is A_0 N = -sum D_y^left( c ), less its mean."""
        return {key: self.writer.combination(c) for key, c in self.cell_function.flux.items()}

    def __str__(self) -> str:
        return f"{self.name}: {text(self.equation)}"

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class HomogenizedModel(DerivedModel):
    """Result of `homogenize`. `print(model)` shows the derivation; in a notebook it is LaTeX.

    operator      : the problem as parsed; `cell_operator` after faster scales were averaged.
    cell_problems : the correctors up to `order` (and those that the homogenized equation itself
                    needs), in solving order. transformations: moving frame, factorization, iterated
                    averaging, where they were needed.
    frame         : the moving frame, one entry per axis, or empty. `eigenvalue`: the symbol of the
                    ground state's, or None.

    >>> s = nh.Scales(1)
    >>> u = s.unknown("u")
    >>> a = 2 + sp.sin(2 * sp.pi * s.y[0])
    >>> problem = nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)
    >>> model = nh.homogenize(problem)
    >>> model.equation
    Eq(-Derivative(A_11*Derivative(u0(x1), x1), x1), 1)
    >>> model.symmetric, model.order
    (True, 1)
    """

    problem: MultiscaleProblem
    operator: Operator
    cell_operator: Operator
    powers: Mapping[int, Table]
    order: int
    recursion: Recursion
    symmetric: bool
    definite: bool
    cell_problems: tuple[CellProblem, ...]
    law: tuple[EffectiveEntry, ...]
    writer: Writer
    transformations: tuple[Transformation, ...] = ()
    frame: tuple[Frame, ...] = ()
    eigenvalue: sp.Symbol | None = None
    mass: Table = field(default_factory=dict)
    inner: HomogenizedModel | None = None
    """The model of the faster scale z whose effective coefficients are the coefficients of this
    one.
    """

    subject = "a multiscale equation"

    @property
    def linear(self) -> bool:
        """True: the problem is linear in its unknowns."""
        return True

    @property
    def homogenized_order(self) -> int:
        """m: the homogenized equation comes from the terms of order eps^(m + lowest power)."""
        return self.recursion.homogenized_order

    @property
    def leading(self) -> Table:
        """The cell operator A_0: the terms of the lowest power of eps that act on the unknown."""
        return {t: c for t, c in self.powers[self.recursion.lowest].items() if t.field is not None}

    @cached_property
    def equation(self) -> sp.Equality:
        """The homogenized equation for u0 (columns for systems); after a moving frame in X, its
        source in X + c t/eps.
        """
        return self.writer.homogenized(self.law, self.framing)

    @property
    def framing(self) -> Framing:
        """What the unknown of the homogenized equation stands for."""
        scales = self.problem.scales
        shift = tuple(f.velocity / scales.eps for f in self.frame)
        growing = self.eigenvalue is not None and scales.time
        rate = self.eigenvalue / scales.eps**2 if growing else sp.Integer(0)
        return Framing(self.cell_operator.coordinates, shift, rate)

    @cached_property
    def hierarchy(self) -> tuple[sp.Equality, ...]:
        """The equations of the mean fields U_0, ..., U_order of U = U_0 + eps U_1 + ..."""
        return hierarchy(self)

    @cached_property
    def derivation(self) -> Derivation:
        """The steps from the multiscale equation to the homogenized one, for text and LaTeX."""
        return write_steps(self)

    @cached_property
    def effective(self) -> dict[str, sp.Expr]:
        """The formulas by name; <.> is `Mean`. "A" a (d, d) matrix, "b", "beta" and "g" columns,
        "c", "rho" and "f" scalars; arrays for systems.

        A[i, k, j, l] multiplies d_k( . d_l u_j) in equation i (axes of length 1 squeezed). Absent:
        what is zero, "A" apart. "drift" (the moving frame's) and "lambda0" where there are such.
        """
        d = self.problem.scales.dim
        formulas: dict[str, dict[tuple[int, ...], sp.Expr]] = {"A": {}}
        for entry in self.law:
            formulas.setdefault(entry.name, {})[entry.index] = self.writer.formula(entry)
        shapes = {
            name: effective_shape(name, d, self.components, self.homogenized_order)
            for name in formulas
        }
        table = {name: _arrange(entries, shapes[name]) for name, entries in formulas.items()}
        if self.frame:
            table["drift"] = sp.ImmutableMatrix(
                [self.writer.velocity(frame) for frame in self.frame]
            )
        if self.eigenvalue is not None:
            table["lambda0"] = self.eigenvalue
        return table

    def plot(self, parameters: Mapping[sp.Symbol, float] | None = None) -> Drawing:
        """The most oscillating coefficient over two cells along each axis: a notebook shows it,
        `.save("a.svg")` writes it. UnsupportedError for one without a formula."""
        from .coefficient_picture import draw_coefficient

        return draw_coefficient(self, parameters)


def effective_shape(name: str, dim: int, components: int, order: int = 2) -> tuple[int, ...]:
    """The shape of an effective coefficient; equation and unknown axes are there for systems
    alone.
    """
    outer = {"A": order // 2, "B": 1, "G": 1, "beta": 1, "g": 1}.get(name, 0)
    inner = {"A": order // 2, "B": 1, "G": 1, "b": 1, "mixed": 1}.get(name, 0)
    if name == "drift":
        return (dim,)
    if name == "K":
        return (dim, dim)
    own = () if components == 1 else (components,)
    other = () if components == 1 or name in ("f", "g") else (components,)
    return (*own, *(dim,) * outer, *other, *(dim,) * inner)


def _arrange(table: Mapping[tuple[int, ...], sp.Expr], shape: Sequence[int]) -> sp.Expr:
    """The entries of one effective coefficient as a scalar, a column, a matrix or an array."""
    if not shape:
        return table[()]
    if len(shape) == 1:
        return sp.ImmutableMatrix(shape[0], 1, lambda i, _: table.get((i,), sp.Integer(0)))
    if len(shape) == 2:
        return sp.ImmutableMatrix(*shape, lambda i, j: table.get((i, j), sp.Integer(0)))
    array = sp.MutableDenseNDimArray.zeros(*shape)
    for index, value in table.items():
        array[index] = value
    return sp.ImmutableDenseNDimArray(array)
