"""Periodic cell problems by DOLFINx, from an emitted file of UFL forms: all cell functions, and the
effective coefficients.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc

from ..arrays import Array, PointFunction
from ..cell_solve import (
    DAMPING,
    BorderedSolve,
    CellResult,
    solve_functions,
    unknown_symbols,
    volumes_at_nodes,
)
from ..lattice import Lattice
from ..mesh import Mesh
from .broken_space import BrokenSpace
from .compat import (
    WORLD,
    assemble_matrix,
    assemble_scalar,
    assemble_vector,
    compile_form,
    fem,
)
from .linear_solvers import alive, bordered, component, flags, method, rounding
from .space import BoxSpace, QuadratureField, space_on

# Forms that are compiled as one: that saves compilations, and costs the time to assemble the others
# with each.
_TOGETHER = 6


class CompiledCells:
    """All cell problems of a `cell_forms.py` on one mesh, compiled once and solved for any slow
    point; assembled for `cell_solve`.

    forms: the module; parameters: a value for each name in forms.PARAMETERS; mesh: of the cell;
    degree 1 or 2, on triangles 3; solver: "direct", "iterative", or "auto" (direct in 1D, and in 2D
    but for symmetric definite scalar problems on a lattice; always where A_0 is indefinite);
    fields: the names of the external fields that stand in the forms, which `solve` is given.
    """

    def __init__(
        self,
        forms: ModuleType,
        parameters: Mapping[str, float],
        mesh: Mesh,
        degree: int = 2,
        solver: str = "auto",
        comm: MPI.Comm = WORLD,
        fields: Sequence[str] = (),
    ) -> None:
        self.forms = forms
        self.components = forms.COMPONENTS
        self.parameters = parameters
        self.box = self._space(mesh, comm, degree, parameters)
        self.method = _method(solver, forms, mesh.dim == 3 or isinstance(mesh, Lattice))
        numbers = {name: parameters[name] for name in forms.PARAMETERS}
        numbers |= dict.fromkeys(unknown_symbols(forms), 0.0)
        self.slow = {name: self.box.constant(0.0) for name in forms.SLOW}
        self.given = {name: self.box.constant(value) for name, value in numbers.items()}
        self.fields = {name: QuadratureField(self.box) for name in fields}
        self._compile()
        self.volume = self.box.volume
        self.weights = self._weights(ufl.TestFunction(self.box.space))
        self._noise = 0.0
        # Nodes outside of voids, whose unknowns stand in no equation: they are held at 0.
        self._living: Any = 1.0
        self.iterations = 0
        self._alternating = []
        if isinstance(mesh, Lattice):
            self._alternating = [
                self.box.alternating(axis)
                for axis in forms.FIRST_ORDER
                if mesh.cells[axis] * degree % 2 == 0
            ]
        self.modes = []
        for mode in self._alternating:
            scaled = (self.volume * self.components / mode.getSize()) * mode
            self.modes += [self._part(scaled, i) for i in range(self.components)]
        self.pin()

    def _space(
        self, mesh: Mesh, comm: MPI.Comm, degree: int, parameters: Mapping[str, float]
    ) -> BoxSpace:
        """Functions that may jump where the forms have contacts."""
        free = getattr(self.forms, "FREE", ())
        periodic = [axis for axis in range(mesh.dim) if axis not in free]
        whole = space_on(mesh, comm, degree, periodic, (), self.components, {}, {})
        if not getattr(self.forms, "CONTACTS", 0):
            return whole
        return BrokenSpace(whole, mesh, self.forms, parameters)

    def _compile(self) -> None:
        """Every form of the module, once."""
        forms = self.forms
        box = self.box
        held = {name: field.function for name, field in self.fields.items()}
        held |= box.middles(getattr(forms, "MIDDLES", ()))
        data = (box.x, self.slow, {**self.given, **held}, box.dx)
        u = ufl.TrialFunction(box.space)
        v = ufl.TestFunction(box.space)
        self.functions = [fem.Function(box.space) for _ in forms.FUNCTIONS]
        self._operator = compile_form(forms.operator(u, v, *data))
        if forms.EIGENVALUE:
            self._mass = compile_form(forms.mass(u, v, *data))
            self._moments = compile_form(self.functions[0] * v * box.dx)
        self._sources = Selection(box, dict(enumerate(forms.sources(v, self.functions, *data))))
        self._means = {"EFFECTIVE": Selection(box, forms.effective(self.functions, *data))}
        if forms.CONSTANTS:
            self._means["QUOTIENTS"] = Selection(box, forms.quotients(self.functions, *data))

    def _weights(self, v: Any) -> list[PETSc.Vec]:
        """The integrals of the test functions, by component."""
        every = sum(v) if self.components > 1 else v
        total = self.box.restricted(assemble_vector(compile_form(every * self.box.dx)))
        return [self._part(total, i) for i in range(self.components)]

    def _part(self, values: PETSc.Vec, number: int) -> PETSc.Vec:
        result = values.duplicate()
        result.pointwiseMult(values, component(values, number, self.components))
        return result

    def solve(
        self, slow: Mapping[str, float], fields: Mapping[str, PointFunction] = {}
    ) -> CellResult:
        """Solve at the slow point with the coordinates `slow`, where the external fields are
        `fields`. Raises DivergedError, and RuntimeError where a kernel is not found.
        """
        for name, constant in self.slow.items():
            constant.value = slow[name]
        for name, field in self.fields.items():
            field.assign(fields[name])
        self.iterations = 0
        solved = solve_functions(self.forms, self)
        self.box.release()
        shape = (len(self.functions), self.components, self.box.owned)
        by_node = [self.box.values(f).reshape(-1, self.components) for f in self.functions]
        grid = self.box.grid(np.array([values.T for values in by_node]).reshape(shape))
        return CellResult(grid, solved.values, solved.multipliers, self.method, self.iterations)

    def assign(self, name: str, value: float) -> None:
        self.given[name].value = value

    def store(self, function: int, w: PETSc.Vec) -> None:
        self.functions[function].x.array[:] = self.box.function(w).x.array

    def operator(self) -> PETSc.Mat:
        matrix = self.box.reduced(assemble_matrix(self._operator))
        if isinstance(self.box, BrokenSpace):
            slow = {name: float(constant.value) for name, constant in self.slow.items()}
            matrix.axpy(1.0, self.box.contact({**self.parameters, **slow}))
        self._noise = rounding(matrix)
        living = alive(matrix)
        if any(self.box.comm.allgather(not living.all())):
            matrix.setDiagonal(matrix.getDiagonal() + flags(matrix, ~living))
            self._living = living.reshape(-1, self.components).all(axis=1)
            self.method = "direct"
            self.pin()
        return matrix

    def mass(self) -> PETSc.Mat:
        return self.box.reduced(assemble_matrix(self._mass))

    def moments(self, function: int) -> PETSc.Vec:
        assert function == 0
        return self.box.restricted(assemble_vector(self._moments))

    def source(self, function: int) -> tuple[PETSc.Vec, float]:
        form = self._sources.select(function)
        b = self.box.restricted(assemble_vector(form)) if form else 0.0 * self.weights[0]
        size = b.norm(PETSc.NormType.NORM_1)
        if size <= self._noise:
            return (0.0 * b, 0.0)
        return (b, size)

    def mean(self, table: str, key: Any) -> float:
        form = self._means[table].select(key)
        if form:
            return assemble_scalar(self.box.comm, form) / self.volume
        return 0.0

    def ones(self) -> PETSc.Vec:
        result = self.box.P.createVecRight()
        result.set(1.0)
        return result

    def diagonal(self, matrix: PETSc.Mat) -> PETSc.Vec:
        return matrix.getDiagonal()

    def damped(self, matrix: PETSc.Mat) -> PETSc.Mat:
        result = matrix.copy()
        result.setDiagonal((1.0 + DAMPING) * matrix.getDiagonal())
        return result

    def pin(self, *kernels: Sequence[PETSc.Vec]) -> None:
        c = self.components
        like = self.weights[0]
        size = np.ones(like.getLocalSize() // c) * self._living
        for kernel in kernels:
            size = size * volumes_at_nodes([w.array for w in kernel], c)
        choices = [size]
        for mode in self._alternating:
            choices.append(np.where(mode.array[::c] < 0, size, -1.0))
        first, _ = like.getOwnershipRange()
        nodes = [self._largest(values, first // c) for values in choices]
        self._pins = [node * c + i for node in nodes for i in range(c)]

    def _largest(self, values: Array, first: int) -> int:
        """The number of the node with the largest value on all ranks; this rank's numbers begin
        with `first`.
        """
        own = (-np.inf, 0)
        if len(values):
            own = (float(values.max()), -first - int(np.argmax(values)))
        return -max(self.box.comm.allgather(own))[1]

    def ratios(self, numerator: PETSc.Vec, denominator: PETSc.Vec) -> tuple[float, float]:
        quotient = numerator.duplicate()
        quotient.pointwiseDivide(numerator, denominator)
        return float(quotient.min()[1]), float(quotient.max()[1])

    @contextmanager
    def solver(
        self,
        matrix: PETSc.Mat,
        columns: Sequence[PETSc.Vec],
        rows: Sequence[PETSc.Vec],
        transposed: bool = False,
    ) -> Iterator[BorderedSolve]:
        if transposed:
            matrix = matrix.copy().transpose()
        smooth = self.box.motions() if self.components > 1 and self.method == "cg" else None
        solve = bordered(matrix, columns, rows, self._pins[: len(rows)], self.method, smooth)
        yield solve
        self.iterations = max(self.iterations, solve.iterations)
        self.method = solve.method
        solve.destroy()


def _method(solver: str, forms: ModuleType, multigrid: bool) -> str:
    """As `method`; multigrid: whether it suits the mesh. Only the constants are a kernel that CG is
    told of; BoomerAMG on systems in 2D, and on triangles of degree 3, is slower than MUMPS.
    """
    semidefinite = forms.SYMMETRIC and forms.DEFINITE and forms.EIGENVALUE is None
    if solver == "auto" and not (forms.DEFINITE and multigrid):
        return "direct"
    return method(solver, len(forms.CELL), semidefinite, many=forms.COMPONENTS > 1)


class Selection:
    """Forms of one shape by key; a few at a time are compiled as one, sum_k s_k form_k, with
    constants s of which one is 1.

    The number 0 stands for a form without terms.
    """

    def __init__(self, box: BoxSpace, forms: Mapping[Any, ufl.Form | int]) -> None:
        terms = {key: form for key, form in forms.items() if isinstance(form, ufl.Form)}
        keys = list(terms)
        self._groups: dict[Hashable, tuple[fem.Form, dict[Hashable, fem.Constant]]] = {}
        for first in range(0, len(keys), _TOGETHER):
            switches = {key: box.constant(0.0) for key in keys[first : first + _TOGETHER]}
            head, *tail = [switch * terms[key] for key, switch in switches.items()]
            compiled = compile_form(sum(tail, start=head))
            self._groups |= dict.fromkeys(switches, (compiled, switches))

    def select(self, key: Hashable) -> fem.Form | None:
        """The compiled form, switched to `key`; None where that one has no terms."""
        if key not in self._groups:
            return None
        form, switches = self._groups[key]
        for other, switch in switches.items():
            switch.value = float(other == key)
        return form
