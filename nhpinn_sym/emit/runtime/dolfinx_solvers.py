"""Linear solvers of PETSc for regular systems and for systems that are singular in one direction (the constants)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from petsc4py import PETSc

_COARSE = "pc_hypre_boomeramg_relax_type_coarse"
_ROUNDING = 1e-15


class DivergedError(RuntimeError):
    """A linear solver of PETSc gave no answer."""


class IncompatibleError(ValueError):
    """A singular problem has no solution: its data do not satisfy the solvability condition."""


class Linear:
    """w with A w = b. `method`: "direct" (MUMPS, factorized once), "cg" or "gmres" (both with hypre's BoomerAMG)."""

    def __init__(self, matrix: PETSc.Mat, method: str) -> None:
        self.method, self.ksp = method, PETSc.KSP().create(matrix.comm)
        self.ksp.setOperators(matrix)
        pc = self.ksp.getPC()
        if method == "direct":
            self.ksp.setType("preonly")
            pc.setType("lu")
            pc.setFactorSolverType("mumps")
        else:
            self.ksp.setType(method)
            pc.setType("hypre")
            self.ksp.setTolerances(rtol=1e-12, max_it=1000)
            self.ksp.setGMRESRestart(200)
            options = PETSc.Options()
            options[_COARSE] = "symmetric-SOR/Jacobi"  # Gaussian elimination fails on a singular coarse matrix
            pc.setFromOptions()
            options.delValue(_COARSE)

    def __call__(self, b: PETSc.Vec) -> PETSc.Vec:
        """Raises DivergedError where PETSc did not converge."""
        w = b.duplicate()
        self.ksp.solve(b, w)
        reason = self.ksp.getConvergedReason()
        if reason <= 0 or not np.isfinite(w.norm()):
            raise DivergedError(f"PETSc's {self.method} solver ended with reason {reason} after {self.ksp.getIterationNumber()} iterations")
        return w

    def destroy(self) -> None:
        self.ksp.destroy()


class ZeroMean(ABC):
    """w with A w + lam m = b and m . w = 0, for an A of corank one; m > 0 are the weights of the mean.

    Called with b it returns w and the defect of the data, |lam| sum(m) / |b|_1, which vanishes where A w = b has a solution.
    A b that is rounding alone counts as 0.
    """

    def __init__(self, matrix: PETSc.Mat, weights: PETSc.Vec, linear: Linear) -> None:
        self.weights, self.total, self.linear = weights, weights.sum(), linear
        self._noise = _ROUNDING * matrix.norm(PETSc.NormType.NORM_1) * matrix.getSize()[0]

    def __call__(self, b: PETSc.Vec) -> tuple[PETSc.Vec, float]:
        size = b.norm(PETSc.NormType.NORM_1)
        if size <= self._noise:
            return b * 0.0, 0.0
        w, multiplier = self.solve(b)
        return w, float(abs(multiplier) * self.total / size)

    @abstractmethod
    def solve(self, b: PETSc.Vec) -> tuple[PETSc.Vec, float]:
        """(w, lam)."""

    def destroy(self) -> None:
        self.linear.destroy()


class ProjectedCG(ZeroMean):
    """For a symmetric semidefinite A with A 1 = 0: the mean of b is removed first, that of w afterwards."""

    def __init__(self, matrix: PETSc.Mat, weights: PETSc.Vec) -> None:
        super().__init__(matrix, weights, Linear(matrix, "cg"))
        kernel = PETSc.NullSpace().create(constant=True, comm=matrix.comm)
        matrix.setNullSpace(kernel)
        matrix.setNearNullSpace(kernel)

    def solve(self, b: PETSc.Vec) -> tuple[PETSc.Vec, float]:
        multiplier = b.sum() / self.total
        w = self.linear(b - multiplier * self.weights)
        w.shift(-self.weights.dot(w) / self.total)
        return w, multiplier


class Bordered(ZeroMean):
    """For any A of corank one whose kernels are not orthogonal to m.

    With the first row of A replaced by that of the identity, A w = r is solved for r = b, m (their first entries set to 0) and
    for the first unit vector e; w = w_b - lam w_m + c w_e, where (lam, c) follow from the first row and from m . w = 0.
    """

    def __init__(self, matrix: PETSc.Mat, weights: PETSc.Vec, method: str) -> None:
        self._pinned = matrix.copy()
        super().__init__(matrix, weights, Linear(self._pinned, method))
        self._unit, self._row = weights.duplicate(), weights.duplicate()
        self._unit.set(0.0)
        first = [0] if matrix.comm.rank == 0 else []
        self._unit.setValues(first, [1.0] * len(first))
        self._unit.assemble()
        matrix.multTranspose(self._unit, self._row)
        self._pinned.zeroRows(first, diag=1.0)
        self._w_m, self._w_e = self._pin(weights), self.linear(self._unit)

    def _pin(self, b: PETSc.Vec) -> PETSc.Vec:
        return self.linear(b - self._unit.dot(b) * self._unit)

    def _residual(self, w: PETSc.Vec, b: PETSc.Vec) -> float:
        return float(self._unit.dot(b) - self._row.dot(w))

    def solve(self, b: PETSc.Vec) -> tuple[PETSc.Vec, float]:
        w_b, m = self._pin(b), self.weights
        system = [[self._residual(self._w_m, m), self._row.dot(self._w_e)], [-m.dot(self._w_m), m.dot(self._w_e)]]
        multiplier, shift = map(float, np.linalg.solve(system, [self._residual(w_b, b), -m.dot(w_b)]))  # a numpy number would unpack the Vec
        return w_b - multiplier * self._w_m + shift * self._w_e, multiplier

    def destroy(self) -> None:
        super().destroy()
        self._pinned.destroy()


def zero_mean(matrix: PETSc.Mat, weights: PETSc.Vec, method: str) -> ProjectedCG | Bordered:
    """The solver for a singular matrix in the zero-mean gauge."""
    return ProjectedCG(matrix, weights) if method == "cg" else Bordered(matrix, weights, method)
