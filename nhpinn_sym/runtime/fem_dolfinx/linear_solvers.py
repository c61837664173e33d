"""Linear solvers of PETSc for regular systems and for singular ones, which are solved bordered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array, Flags
from ..cell_solve import Bordered
from .compat import PETSc

# Gaussian elimination fails on a singular coarse matrix.
_MULTIGRID = {"relax_type_coarse": "symmetric-SOR/Jacobi"}
# With hypre's default the coarse matrices of elasticity in three dimensions are nearly dense: four
# times slower.
_SYSTEMS = {**_MULTIGRID, "strong_threshold": 0.5}
# The eigenvalues by which smoothers are scaled: with PETSc's ten steps of GMRES they come out too
# small at a contrast of 1e6, and the preconditioner indefinite.
_EIGENVALUES = {"ksp_type": "cg", "ksp_max_it": 30}
# Below the error of any mesh: what is estimated from two meshes must not see the solver.
_TOLERANCE = 1e-12
_ITERATIONS = 1000
# Large: GMRES on convection stalls when it forgets.
_RESTART = 200
# Of each of the sums that a norm is made of.
_ROUNDING = 1e-15
# Rows of a matrix whose factors stay below the 2 GB that 32-bit indices reach.
_MOST_OF_UMFPACK = 200_000
# Rows up to which a matrix is factorized where multigrid has failed on it.
_MOST_INSTEAD = 50_000


class DivergedError(RuntimeError):
    """A linear solver of PETSc gave no answer."""


class Linear:
    """w with A w = b. `method`: "direct" (factorized once), "cg" or "gmres" (both with algebraic
    multigrid); "cycle" is one cycle of that for a symmetric positive A, and w near the solution.
    Where multigrid fails, the matrix is factorized, unless the caller does that (`instead`).

    smooth : unknowns of this rank (n, k) that multigrid has to represent on all levels; for systems
             the constants of each component, and rotations of displacements
    """

    def __init__(
        self,
        matrix: PETSc.Mat,
        method: str,
        smooth: Array | None = None,
        instead: bool = True,
    ) -> None:
        self.iterations = 0
        self.ksp = PETSc.KSP().create(matrix.comm)
        self.ksp.setOperators(matrix)
        self._matrix = matrix
        self._instead = instead
        self._smooth = smooth is not None
        if smooth is not None:
            matrix.setNearNullSpace(_span(matrix, smooth))
        self._use(method)

    def _use(self, method: str) -> None:
        self.method = method
        pc = self.ksp.getPC()
        if method == "direct":
            self.ksp.setType("preonly")
            pc.setType("lu")
            pc.setFactorSolverType(_factorization(self._matrix))
        elif method == "cycle":
            self.ksp.setType("preonly")
            _set_multigrid(pc, self._matrix, True, self._smooth)
        else:
            self.ksp.setType(method)
            self.ksp.setTolerances(rtol=_TOLERANCE, max_it=_ITERATIONS)
            self.ksp.setGMRESRestart(_RESTART)
            _set_multigrid(pc, self._matrix, method == "cg", self._smooth)

    def __call__(self, b: PETSc.Vec) -> PETSc.Vec:
        """Raises DivergedError where PETSc did not converge."""
        try:
            return self._solved(b)
        except DivergedError:
            if self.method == "direct" or not self._instead or not _factorizable(self._matrix):
                raise
        self._use("direct")
        return self._solved(b)

    def _solved(self, b: PETSc.Vec) -> PETSc.Vec:
        w = b.duplicate()
        self.ksp.solve(b, w)
        reason = self.ksp.getConvergedReason()
        self.iterations = max(self.iterations, self.ksp.getIterationNumber())
        if reason <= 0 or not np.isfinite(w.norm()):
            raise DivergedError(
                f"PETSc's {self.method} solver ended with reason {reason} after"
                f" {self.ksp.getIterationNumber()} iterations"
            )
        return w

    def destroy(self) -> None:
        self.ksp.destroy()


def _factorization(matrix: PETSc.Mat) -> str:
    """UMFPACK on one rank where PETSc has it: a step in time in one dimension takes a fortieth of
    what MUMPS, which is for many ranks and large factors, needs for it.
    """
    alone = matrix.comm.size == 1 and matrix.getSize()[0] <= _MOST_OF_UMFPACK
    if alone and PETSc.Sys.hasExternalPackage("suitesparse"):
        return "umfpack"
    return "mumps"


def _factorizable(matrix: PETSc.Mat) -> bool:
    """Whether a matrix that multigrid failed on, as it does at high contrast, is factorized: where
    the diagonal is not positive the data are wrong, and an answer would hide that.
    """
    return matrix.getSize()[0] <= _MOST_INSTEAD and matrix.getDiagonal().min()[1] > 0


def _span(matrix: PETSc.Mat, functions: Array) -> PETSc.NullSpace:
    """The space of functions (unknowns of this rank, k), by an orthonormal basis."""
    basis: list[PETSc.Vec] = []
    for values in functions.T:
        vector = matrix.createVecRight()
        vector.array[:] = values
        for other in basis:
            vector.axpy(-vector.dot(other), other)
        vector.normalize()
        basis.append(vector)
    return PETSc.NullSpace().create(vectors=basis, comm=matrix.comm)


def _set_multigrid(pc: PETSc.PC, matrix: PETSc.Mat, symmetric: bool, smooth: bool) -> None:
    """hypre's BoomerAMG; for symmetric systems, of which aggregates are known to represent rigid
    motions, and where PETSc was built without hypre (the wheels of DOLFINx on PyPI) PETSc's GAMG.
    """
    if PETSc.Sys.hasExternalPackage("hypre") and not (symmetric and smooth):
        pc.setType("hypre")
        chosen = _SYSTEMS if matrix.getBlockSize() > 1 else _MULTIGRID
        _configure(pc, "pc_hypre_boomeramg_", chosen)
    else:
        pc.setType("gamg")
        _configure(pc, "pc_gamg_esteig_", _EIGENVALUES if symmetric else {})


def _configure(pc: PETSc.PC, prefix: str, chosen: Mapping[str, Any]) -> None:
    """Set up with options that PETSc takes from its database alone."""
    options = PETSc.Options(prefix)
    for name, value in chosen.items():
        options[name] = value
    pc.setFromOptions()
    pc.setUp()
    for name in chosen:
        options.delValue(name)


class ProjectedCG:
    """w with A w + sum lam_p r_p = b, r_p . w = g_p, for a symmetric semidefinite A whose kernel
    are the constants of each component.

    `rows`: the integrals of the test functions of each component. The means of b are removed first,
    those of w afterwards; in between, one unknown of each component, `pins`, is held at 0, as
    multigrid is not positive on singular matrices of high contrast. Where it fails, `instead`
    solves, if a factorization may. `smooth`: see `Linear`.
    """

    def __init__(
        self,
        matrix: PETSc.Mat,
        rows: Sequence[PETSc.Vec],
        pins: Sequence[int],
        instead: Callable[[], Pinned],
        smooth: Array | None,
    ) -> None:
        self._rows = rows
        self._instead = instead
        self._pinned: Pinned | None = None
        low, high = matrix.getOwnershipRange()
        owned = [pin for pin in pins if low <= pin < high]
        self._matrix = matrix.copy()
        self._matrix.zeroRowsColumns(owned, diag=matrix.getDiagonal().max()[1])
        self._held = [pin - low for pin in owned]
        self._linear = Linear(self._matrix, "cg", smooth, instead=False)
        self._constants = [component(rows[0], p, len(rows)) for p in range(len(rows))]

    def __call__(self, b: PETSc.Vec, g: Sequence[float]) -> tuple[PETSc.Vec, list[float]]:
        if self._pinned is None:
            try:
                return self._projected(b, g)
            except DivergedError:
                if not _factorizable(self._matrix):
                    raise
            self._pinned = self._instead()
        return self._pinned(b, g)

    def _projected(self, b: PETSc.Vec, g: Sequence[float]) -> tuple[PETSc.Vec, list[float]]:
        means = [float(e.dot(b) / row.sum()) for e, row in zip(self._constants, self._rows)]
        right = b.copy()
        for mean, row in zip(means, self._rows):
            right.axpy(-mean, row)
        right.array[self._held] = 0.0
        w = self._linear(right)
        for value, e, row in zip(g, self._constants, self._rows):
            w.axpy(float((value - row.dot(w)) / row.sum()), e)
        return w, means

    @property
    def method(self) -> str:
        return "cg" if self._pinned is None else self._pinned.method

    @property
    def iterations(self) -> int:
        return self._linear.iterations

    def destroy(self) -> None:
        self._linear.destroy()
        self._matrix.destroy()
        if self._pinned is not None:
            self._pinned.destroy()


class Pinned:
    """A bordered system (see `Bordered`) by a solver for A with some rows replaced by those of the
    identity: one at each dof of `pins`.
    """

    def __init__(
        self,
        matrix: PETSc.Mat,
        columns: Sequence[PETSc.Vec],
        rows: Sequence[PETSc.Vec],
        pins: Sequence[int],
        method: str,
    ) -> None:
        self._matrix = matrix.copy()
        low, high = matrix.getOwnershipRange()
        owned = [pin for pin in pins if low <= pin < high]
        units = [_unit(matrix, pin) for pin in pins]
        lines = [matrix.createVecRight() for _ in pins]
        for unit, line in zip(units, lines):
            matrix.multTranspose(unit, line)
        # Rows alone: columns stay, so that what the unknowns do to others is not lost.
        self._matrix.zeroRows(owned, diag=1.0)
        self._linear = Linear(self._matrix, method)
        self._bordered = Bordered(self._linear, units, lines, columns, rows)

    def __call__(self, b: PETSc.Vec, g: Sequence[float]) -> tuple[PETSc.Vec, list[float]]:
        return self._bordered(b, g)

    @property
    def method(self) -> str:
        return self._linear.method

    @property
    def iterations(self) -> int:
        return self._linear.iterations

    def destroy(self) -> None:
        self._linear.destroy()
        self._matrix.destroy()


def _unit(matrix: PETSc.Mat, dof: int) -> PETSc.Vec:
    result = matrix.createVecRight()
    result.set(0.0)
    low, high = matrix.getOwnershipRange()
    if low <= dof < high:
        result.setValue(dof, 1.0)
    result.assemble()
    return result


def component(like: PETSc.Vec, number: int, components: int) -> PETSc.Vec:
    """1 at the dofs of one component, 0 at the others, distributed as the vector `like`."""
    result = like.duplicate()
    result.set(0.0)
    result.array[number::components] = 1.0
    return result


def alive(matrix: PETSc.Mat) -> Flags:
    """The owned unknowns that stand in an equation: those of a void do not."""
    starts, _, values = matrix.getValuesCSR()
    sums = np.concatenate([[0.0], np.cumsum(np.abs(values))])
    return np.asarray(np.diff(sums[starts]) > 0)


def flags(matrix: PETSc.Mat, chosen: Flags) -> PETSc.Vec:
    """1 at the chosen of the owned unknowns, 0 at the others."""
    result = matrix.createVecLeft()
    result.array[:] = chosen
    return result


def rounding(matrix: PETSc.Mat) -> float:
    """The 1-norm up to which a right-hand side counts as 0."""
    return float(_ROUNDING * matrix.norm(PETSc.NormType.NORM_1) * matrix.getSize()[0])


def bordered(
    matrix: PETSc.Mat,
    columns: Sequence[PETSc.Vec],
    rows: Sequence[PETSc.Vec],
    pins: Sequence[int],
    method: str,
    smooth: Array | None = None,
) -> ProjectedCG | Pinned:
    """The solver of A w + sum lam_p column_p = b, row_p . w = g_p for an A with as many kernel
    functions. `smooth`: see `Linear`.
    """
    pinned = partial(Pinned, matrix, columns, rows, pins)
    if method == "cg":
        return ProjectedCG(matrix, rows, pins, partial(pinned, "direct"), smooth)
    return pinned(method)


def method(solver: str, dim: int, positive: bool, many: bool = False) -> str:
    """The linear solver: `positive` says symmetric and positive (semi)definite, `many` that one
    matrix serves many right-hand sides.
    """
    iterative = "cg" if positive else "gmres"
    factorized = dim == 1 or (dim == 2 and (many or not positive))
    automatic = "direct" if factorized else iterative
    choices = {"auto": automatic, "direct": "direct", "iterative": iterative}
    if solver not in choices:
        raise ValueError(f"solver={solver!r}: choose one of {', '.join(choices)}")
    return choices[solver]
