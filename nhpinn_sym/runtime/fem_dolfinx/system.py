"""The assembled equation of emitted UFL forms, and its stationary solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np
import ufl
from mpi4py import MPI
from petsc4py import PETSc
from ufl.corealg.traversal import unique_pre_traversal

from ..arrays import Array, CoefficientKey
from ..mesh import Mesh, MeshFunction
from ..rigid_modes import NEARLY, as_many, deflated, null_combinations, pivots, without_cancelled
from .compat import (
    WORLD,
    assemble_matrix,
    assemble_vector,
    compile_form,
    fem,
    vector,
)
from .linear_solvers import Linear, bordered, method, rounding
from .space import Interpolant, space_on

EffectiveField = Callable[[CoefficientKey, Array], Array]
# Distance from a constant, at nodes and relative to one, that is rounding.
_IS_CONSTANT = 1e-12
# A product with the matrix that is smaller than that share of its norm is 0.
_ROUNDED = 1e-12


class System:
    """The boundary (and initial) value problem of a `..._forms.py` on one mesh.

    forms: the module; parameters: a value for each name in forms.PARAMETERS; coefficients(key,
    points): values (n,) of the effective coefficient `key` at points (n, d), called with the same
    points on every rank; solver: "direct", "iterative", or "auto" (direct in 1D, in 2D with time
    steps or for operators that are not scalar, symmetric and positive, and where the diagonal is
    not positive).
    """

    def __init__(
        self,
        forms: ModuleType,
        parameters: Mapping[str, float],
        coefficients: EffectiveField,
        mesh: Mesh,
        degree: int = 2,
        solver: str = "auto",
        comm: MPI.Comm = WORLD,
    ) -> None:
        self.forms = forms
        self.mesh = mesh
        self.components = forms.COMPONENTS
        self.automatic = solver == "auto"
        self.defect = 0.0
        fixed = [(name, field) for parts, field in forms.DIRICHLET for name in parts]
        self.box = space_on(
            mesh,
            comm,
            degree,
            forms.PERIODIC,
            fixed,
            self.components,
            forms.PARTS,
            forms.TAGS,
        )
        many = forms.TIME or self.components > 1 or getattr(forms, "ORDER", 2) == 4
        self.method = method(solver, mesh.dim, forms.POSITIVE, many)
        self.t = self.box.constant(0.0)
        self._given = {name: self.box.constant(parameters[name]) for name in forms.PARAMETERS}
        if hasattr(forms, "MIDDLES"):
            self._given |= self.box.middles(forms.MIDDLES)
        self._effective = {
            key: self.box.sampled(partial(coefficients, key)) for key in forms.EXTERNALS
        }
        self._compile()

    def _compile(self) -> None:
        """Every form of the module, once."""
        forms = self.forms
        box = self.box
        p = self._given
        u = ufl.TrialFunction(box.space)
        v = ufl.TestFunction(box.space)
        inside = (v, box.x, self.t, p, self._effective, box.dx)
        facets: tuple[Any, ...] = ()
        if getattr(forms, "ORDER", 2) == 4:
            facets = (box.dS, ufl.FacetNormal(box.mesh), box.width())
        self.arguments: tuple[Any, ...] = (*inside, box.ds, *facets)
        self.stiffness = compile_form(forms.stiffness(u, *self.arguments))
        load = forms.load(*self.arguments)
        self.load = compile_form(load) if load else None
        values = forms.dirichlet(box.x, self.t, p)
        self.dirichlet = self._interpolants(values)
        self.dirichlet_varies = any(self._varies(value) for value in values)
        if forms.TIME:
            self.mass = compile_form(forms.mass(u, *inside))
            self.rates = self._interpolants(forms.dirichlet_rate(box.x, self.t, p))
            self.initial = box.interpolant(forms.initial(box.x, p))
        else:
            every = compile_form(self._every(v) * box.dx)
            self.weights = box.restricted(assemble_vector(every))

    def _every(self, v: Any) -> Any:
        """The sum of the components of a test function."""
        if self.components > 1:
            return sum(v)
        return v

    def _varies(self, value: ufl.core.expr.Expr | float) -> bool:
        """Whether the time stands in an expression."""
        return any(node is self.t for node in unique_pre_traversal(ufl.as_ufl(value)))

    def _interpolants(self, values: Sequence[ufl.core.expr.Expr | float]) -> list[Interpolant]:
        return [
            self.box.interpolant(value, field)
            for value, (_, field) in zip(values, self.forms.DIRICHLET)
        ]

    def stationary(self) -> Array:
        """The owned dofs of that solution."""
        matrix = assemble_matrix(self.stiffness)
        lift = self._lift(self.dirichlet)
        reduced = self.box.reduced(matrix)
        b = self.box.restricted(self._load() - matrix * vector(lift))
        left, right = self._kernels(reduced)
        if right.shape[1]:
            w = self._bordered(reduced, b, left, right)
        else:
            w = self.linear_solver(reduced)(b)
        return self.box.values(self.box.function(w, lift))

    def essential(self, t: float) -> Array:
        """The Dirichlet values of time t at the owned dofs, 0 at those that are free."""
        self.t.value = t
        return self.box.values(self._lift(self.dirichlet))

    def linear_solver(self, matrix: PETSc.Mat) -> Linear:
        if self.automatic and matrix.getDiagonal().min()[1] <= 0:
            self.method = "direct"
        several = self.components > 1 and self.method != "direct"
        return Linear(matrix, self.method, self.box.motions() if several else None)

    def _kernels(self, matrix: PETSc.Mat) -> tuple[Array, Array]:
        """Combinations of constants and rotations that the transposed matrix, and the matrix,
        nearly map to 0.
        """
        candidates = self.box.motions()
        largest = matrix.norm(PETSc.NormType.NORM_INFINITY)
        found = []
        for multiply in (matrix.multTranspose, matrix.mult):
            image = matrix.createVecRight()
            images = np.empty_like(candidates)
            for k, column in enumerate(candidates.T):
                multiply(self._free(column), image)
                images[:, k] = image.array
            found.append(
                candidates @ null_combinations(images, largest, self.box.comm.allgather, NEARLY)
            )
        return as_many(*found)

    def _free(self, values: Array) -> PETSc.Vec:
        """A vector of free dofs."""
        result = self.box.P.createVecRight()
        result.array[:] = values
        return result

    def _bordered(self, matrix: PETSc.Mat, b: PETSc.Vec, left: Array, right: Array) -> PETSc.Vec:
        """The solution that is orthogonal in L2 to what the matrix does not see."""
        # The 1-norm, as a mean is a sum of entries.
        size = b.norm(PETSc.NormType.NORM_1)
        if size <= rounding(matrix):
            b = b * 0.0
            size = 1.0
        columns = [self._free(self.weights.array * kernel) for kernel in left.T]
        rows = [self._free(self.weights.array * kernel) for kernel in right.T]
        first, _ = matrix.getOwnershipRange()
        pins = pivots(right, first, self.box.comm.allgather)
        images = self._images(matrix, right)
        singular = not any(image.norm() for image in images)
        # CG is told of a kernel, which must be one
        method = self.method if self.components == 1 and singular else "direct"
        solve = bordered(matrix, columns, rows, pins, method)
        w, shares, rest = deflated(solve, b, images)
        self.defect = max(map(abs, rest)) * float(self.weights.sum()) / size
        if any(shares):
            return w + self._free(right @ np.array(shares))
        return w

    def _images(self, matrix: PETSc.Mat, functions: Array) -> list[PETSc.Vec]:
        """What the matrix makes of functions (free dofs of this rank, p) that it nearly maps to 0:
        exactly that for constants.

        Their products with the matrix are rounding of its largest entries; so the form is given
        their values, and gradients 0.
        """
        comm = self.box.comm
        nowhere_held = not any(comm.allgather(bool(self.box.held.any())))
        units = np.tile(np.eye(self.components), (len(functions) // self.components, 1))
        rounding_size = _ROUNDED * matrix.norm(PETSc.NormType.NORM_INFINITY)
        counts = np.sum(comm.allgather((units**2).sum(axis=0)), axis=0)
        found = []
        for column in functions.T:
            shares = np.sum(comm.allgather(units.T @ column), axis=0) / counts
            distance = float(np.abs(units @ shares - column).max(initial=0.0))
            if nowhere_held and max(comm.allgather(distance)) < _IS_CONSTANT:
                found.append(self._image_of_constants(shares))
                continue
            image = matrix.createVecLeft()
            matrix.mult(self._free(column), image)
            rounded = image.norm(PETSc.NormType.NORM_INFINITY) <= rounding_size
            found.append(0.0 * image if rounded else image)
        return found

    def _image_of_constants(self, values: Array) -> PETSc.Vec:
        """The vector of the operator applied to constants, 0 where that cancels."""
        units = np.eye(self.components)
        parts = [self._of_constant(value * unit).array for value, unit in zip(values, units)]
        total = np.sum(parts, axis=0)
        return self._free(without_cancelled(total, parts, self.box.comm.allgather))

    def _of_constant(self, values: Array) -> PETSc.Vec:
        """The vector of the operator applied to constants, one for each component."""
        constants = [self.box.constant(float(value)) for value in values]
        u = ufl.as_vector(constants) if self.components > 1 else constants[0]
        form = self.forms.stiffness(u, *self.arguments)
        v, *_ = self.arguments
        # derivatives of constants vanish only when the form is compiled: then this term keeps its
        # space
        kept = self.box.constant(0.0) * self._every(v) * self.box.dx
        return self.box.restricted(assemble_vector(compile_form(form + kept)))

    def grid(self, values: Array) -> MeshFunction:
        """The function (or batch) with the owned dofs `values`; several components become the last
        axis of the batch.
        """
        if self.components > 1:
            values = np.swapaxes(values.reshape(*values.shape[:-1], -1, self.components), -1, -2)
        return self.box.grid(values)

    def sizes(self, values: Array) -> Array:
        """The largest absolute value of each component on this rank."""
        return np.abs(values.reshape(-1, self.components)).max(axis=0, initial=0.0)

    def matrices(self, t: float) -> tuple[PETSc.Mat, PETSc.Mat]:
        """Mass and stiffness at t."""
        self.t.value = t
        return assemble_matrix(self.mass), assemble_matrix(self.stiffness)

    def start(self) -> Array:
        """The owned dofs of the initial data, and of what follows from them."""
        self.t.value = 0.0
        given = self.box.restriction(self.initial())
        lift = self._lift(self.dirichlet)
        following = getattr(self.forms, "FOLLOWING", ())
        if following:
            given = self._followed(given, lift, following)
        return self.box.values(self.box.function(given, lift))

    def _followed(
        self, given: PETSc.Vec, lift: fem.Function, following: Sequence[int]
    ) -> PETSc.Vec:
        """The free dofs, with those whose equations hold no time derivative from all others."""
        stiffness = assemble_matrix(self.stiffness)
        matrix = self.box.reduced(stiffness)
        b = self.box.restricted(self._load() - stiffness * vector(lift))
        kept = np.flatnonzero(~np.isin(self.box.masters % self.components, following))
        first, _ = matrix.getOwnershipRange()
        matrix.zeroRows((first + kept).astype(PETSc.IntType), diag=1.0)
        b.array[kept] = given.array[kept]
        return Linear(matrix, "direct", None)(b)

    def forcing(self, t: float) -> Array:
        """F(t), with g'(t), the rates of the Dirichlet data, at the held dofs."""
        self.t.value = t
        rates = self._rates() if self.dirichlet_varies else self._constant_rates
        return np.where(self.box.held, rates, self._load().array)

    @cached_property
    def _constant_rates(self) -> Array:
        return self._rates()

    def _rates(self) -> Array:
        """The rates of the Dirichlet values now, at the owned dofs."""
        return self.box.values(self._lift(self.rates))

    def vector_of(self, values: Array) -> PETSc.Vec:
        result = self.box.P.createVecLeft()
        result.array[:] = values
        return result

    def _load(self) -> PETSc.Vec:
        if self.load:
            return assemble_vector(self.load)
        return self.box.P.createVecLeft()

    def _lift(self, values: Sequence[Interpolant]) -> fem.Function:
        """g: the Dirichlet values (those of the later condition where two parts meet), 0 at all
        other dofs.
        """
        lift = fem.Function(self.box.space)
        for (parts, field), value in zip(self.forms.DIRICHLET, values):
            on = self.box.on(parts, field)
            self.box.values(lift)[on] = self.box.values(value())[on]
        lift.x.scatter_forward()
        return lift
