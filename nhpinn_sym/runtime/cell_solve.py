"""Cell problems in the order in which they can be solved, for any finite element library.

Vectors and matrices are the library's own (arrays and SciPy matrices, or PETSc's): only +, -,
products with floats and `dot` are used on them. On a mesh, the kernels of A_0 and of its transpose
are known approximately only, so that every problem is solved bordered:
    A w + sum_p lam_p c_p = b,  r_p . w = g_p,
where r_p are the weights of the means, c_p those of the kernel functions. Then lam_p is the mean
<psi^p . g> that b has to lose, psi^p being the adjoint kernel of the mesh, and the adjoint kernel
itself is the solution of the transposed system with b = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .arrays import Array, EffectiveKey
from .mesh import MeshFunction

Vector = Any
LibraryMatrix = Any
BorderedSolve = Callable[[Vector, Sequence[float]], tuple[Vector, list[float]]]
"""(b, g) -> (w, lam)."""

# How far below the potential the shift is, as a part of what the potential varies: closer to the
# eigenvalue inverse iteration converges faster, above it not at all.
_BELOW = 0.1
# Each step gains the ratio of the distances of the two lowest eigenvalues from the shift.
_INVERSE_STEPS = 100
# It converges quadratically: more than a few steps mean that it does not.
_NEWTON_STEPS = 20
# Relative change of the eigenvalue at which Newton's method takes over from inverse iteration.
_FIRST = 1e-3
# Rounding of the eigenvalue relative to the largest one of the mesh.
_ROUNDING = 1e-14
DAMPING = 1e-8
"""Relative increase of the diagonal in `damped`."""
# How far below zero, as a part of its maximum, a principal eigenfunction may come on a coarse mesh.
_NEGATIVE = 0.1


class KernelError(RuntimeError):
    """The ground state was not found."""


class Discrete(Protocol):
    """The cell problems on one mesh."""

    @property
    def volume(self) -> float:
        """|Y|."""

    @property
    def weights(self) -> Sequence[Vector]:
        """The integrals of the test functions, one vector per component."""

    @property
    def modes(self) -> Sequence[Vector]:
        """What the matrix does not see of functions of time: 1 and -1 in turn along that axis.

        Galerkin's method for u_tau is skew-symmetric, so that on an even number of nodes the
        constants are not its only kernel.
        """

    def assign(self, name: str, value: float) -> None:
        """Give a symbol of the coefficients its value."""

    def store(self, function: int, w: Vector) -> None:
        """Make w the cell function number `function`, which later forms and functionals hold."""

    def operator(self) -> LibraryMatrix: ...

    def mass(self) -> LibraryMatrix: ...

    def moments(self, function: int) -> Vector:
        """int N v for the (scalar) cell function."""

    def source(self, function: int) -> tuple[Vector, float]:
        """The vector of the right-hand side, and its size; size 0 where it is rounding alone."""

    def mean(self, table: str, key: Any) -> float:
        """The functional `key` of one of the tables of the forms, over the volume."""

    def ones(self) -> Vector: ...

    def diagonal(self, matrix: LibraryMatrix) -> Vector: ...

    def damped(self, matrix: LibraryMatrix) -> LibraryMatrix:
        """The matrix with a slightly larger diagonal, and so without a kernel."""

    def pin(self, *kernels: Sequence[Vector]) -> None:
        """Bordered systems are to hold the unknowns of a node where these kernels (with one vector
        per component each) are large.
        """

    def ratios(self, numerator: Vector, denominator: Vector) -> tuple[float, float]:
        """The smallest and the largest entry of the quotient."""

    def solver(
        self,
        matrix: LibraryMatrix,
        columns: Sequence[Vector],
        rows: Sequence[Vector],
        transposed: bool = False,
    ) -> AbstractContextManager[BorderedSolve]:
        """The bordered system of `matrix`, or of its transpose."""


class Bordered:
    """w, lam with A w + sum_p lam_p c_p = b, r_p . w = g_p, for as many borders as A has kernel
    functions.

    With the rows `units` of A replaced by those of the identity, A is regular: `pinned` solves
    that. Then A w = b, c_p (their entries there set to 0) and the unit vectors themselves are put
    together such that the replaced rows and the conditions r_p . w = g_p hold. `lines` are the
    replaced rows of A.
    """

    def __init__(
        self,
        pinned: Callable[[Vector], Vector],
        units: Sequence[Vector],
        lines: Sequence[Vector],
        columns: Sequence[Vector],
        rows: Sequence[Vector],
    ) -> None:
        self._pinned = pinned
        self._units = units
        self._lines = lines
        self._rows = rows
        # The answers to the borders are found once: every solve then costs one more back
        # substitution, and a system of twice as many numbers as there are kernels.
        self._parts = [self._solve(c) for c in columns] + [-1.0 * pinned(e) for e in units]
        loads = [*columns, *[0.0 * e for e in units]]
        system = []
        for e, line in zip(units, lines):
            system.append([self._rest(e, line, c, w) for c, w in zip(loads, self._parts)])
        for r in rows:
            system.append([float(r.dot(w)) for w in self._parts])
        self._system = np.array(system)

    def _solve(self, b: Vector) -> Vector:
        for e in self._units:
            # The replaced rows say w = 0 there; what b held in them comes back through `_rest`.
            b = b - float(e.dot(b)) * e
        return self._pinned(b)

    @staticmethod
    def _rest(unit: Vector, line: Vector, b: Vector, w: Vector) -> float:
        return float(unit.dot(b)) - float(line.dot(w))

    def __call__(self, b: Vector, g: Sequence[float]) -> tuple[Vector, list[float]]:
        if not self._units:
            return self._pinned(b), []
        w = self._solve(b)
        rest = [self._rest(e, line, b, w) for e, line in zip(self._units, self._lines)]
        rest += [float(r.dot(w)) - value for r, value in zip(self._rows, g)]
        try:
            found = [float(c) for c in np.linalg.solve(self._system, rest)]
        except np.linalg.LinAlgError as cause:
            raise KernelError(
                "the conditions on the kernels of the cell operator do not determine them on this"
                " mesh"
            ) from cause
        for c, part in zip(found, self._parts):
            w = w - c * part
        return w, found[: len(self._rows)]


@dataclass(frozen=True)
class CellNumbers:
    """`values`: numbers by (name, index); `multipliers`: the relative mean of each right-hand side
    that must have none, by function.
    """

    values: dict[EffectiveKey, float]
    multipliers: dict[str, float]


@dataclass(frozen=True)
class CellResult:
    """All cell problems of one mesh at one slow point.

    functions   : a batch (functions, components)
    effective   : numbers by (name, index)
    multipliers : relative means of right-hand sides that must have none, by function
    method      : how the linear systems are solved; iterations: the most that one of them took
    """

    functions: MeshFunction
    effective: dict[EffectiveKey, float]
    multipliers: dict[str, float]
    method: str
    iterations: int = 0


def solve_functions(forms: Any, cells: Discrete) -> CellNumbers:
    """All functions of the emitted module `forms`, in their order, and the numbers that they give.
    KernelError where there is no ground state.
    """
    roles = [role for _, role, _, _ in forms.FUNCTIONS]
    values: dict[EffectiveKey, float] = {}
    columns = list(cells.weights)
    if forms.EIGENVALUE is not None:
        values["lambda0", ()] = _ground_state(forms, cells)
        columns = [cells.moments(0)]
    matrix = cells.operator()
    if "adjoint" in roles:
        if forms.EIGENVALUE is None:
            _pin_adjoints(cells, matrix)
        _adjoints(forms, cells, matrix, columns)
    for name, key in forms.CONSTANTS.items():
        values[key] = cells.mean("QUOTIENTS", (name, 0)) / cells.mean("QUOTIENTS", (name, 1))
        cells.assign(name, values[key])
    multipliers = _correctors(forms, cells, matrix, columns)
    values |= {key: cells.mean("EFFECTIVE", key) for key in forms.EFFECTIVE}
    return CellNumbers(values, multipliers)


def unknown_symbols(forms: Any) -> list[str]:
    """The constants and the eigenvalue, which stand in the coefficients before they are known."""
    return [*forms.CONSTANTS] + ([forms.EIGENVALUE] if forms.EIGENVALUE else [])


def volumes_at_nodes(kernel: Sequence[Array], components: int) -> Array:
    """The volume (nodes,) that the values of `components` functions span at each node: 0 where a
    combination of them vanishes.
    """
    matrices = np.stack([w.reshape(-1, components) for w in kernel], axis=-1)
    return np.asarray(np.abs(np.linalg.det(matrices)))


def _pin_adjoints(cells: Discrete, matrix: LibraryMatrix) -> None:
    """An adjoint kernel may be tiny over most of the cell: it is estimated with a matrix that is
    nearly singular.
    """
    with cells.solver(cells.damped(matrix), (), (), transposed=True) as solve:
        cells.pin([solve(weights, ())[0] for weights in cells.weights])


def _adjoints(
    forms: Any, cells: Discrete, matrix: LibraryMatrix, columns: Sequence[Vector]
) -> None:
    borders = [*cells.weights, *cells.modes]
    conditions = [*columns, *cells.modes]
    with cells.solver(matrix, borders, conditions, transposed=True) as solve:
        for k, (_, role, level, _) in enumerate(forms.FUNCTIONS):
            if role == "adjoint":
                # psi^p has the mean 1 in the weight of its own kernel function, 0 in the others.
                means = [cells.volume * (p == level) for p in range(len(columns))]
                given = [*means, *[0.0] * len(cells.modes)]
                cells.store(k, solve(0.0 * cells.ones(), given)[0])


def _correctors(
    forms: Any, cells: Discrete, matrix: LibraryMatrix, columns: Sequence[Vector]
) -> dict[str, float]:
    multipliers: dict[str, float] = {}
    roles = [role for _, role, _, _ in forms.FUNCTIONS]
    wanted = [k for k, role in enumerate(roles) if role in ("corrector", "auxiliary")]
    if not wanted:
        return multipliers
    conditions = [*cells.weights, *cells.modes]
    with cells.solver(matrix, [*columns, *cells.modes], conditions) as solve:
        for k in wanted:
            name, _, _, solvable = forms.FUNCTIONS[k]
            b, size = cells.source(k)
            # Rounding over rounding would be a multiplier of size one, and a corrector of noise.
            if size:
                w, means = solve(b, [0.0] * len(conditions))
            else:
                w, means = (0.0 * b, [0.0])
            cells.store(k, w)
            if solvable:
                largest = max(map(abs, means[: len(columns)]))
                # lam multiplies the weights of a kernel, which add up to |Y|; the size is that of
                # integrals.
                multipliers[name] = largest * cells.volume / (size or 1.0)
    return multipliers


def _ground_state(forms: Any, cells: Discrete) -> float:
    """The principal eigenvalue of A phi = lam M phi; phi > 0 with mean 1 becomes the first
    function, and the symbol gets the eigenvalue.

    Inverse iteration with a shift below the spectrum (the lowest value of A 1 / M 1: the
    potential), then Newton's method for (phi, lam).
    """
    cells.assign(forms.EIGENVALUE, 0.0)
    matrix = cells.operator()
    mass = cells.mass()
    phi = cells.ones()
    weights = cells.weights[0]
    low, high = cells.ratios(matrix * phi, mass * phi)
    _, largest = cells.ratios(cells.diagonal(matrix), cells.diagonal(mass))
    noise = _ROUNDING * largest
    eigenvalue = low
    spread = high - low
    if spread > noise:
        # M^-1 A 1 is the potential, whose least value lies below the eigenvalue: from there the
        # inverse iteration can go to the ground state alone.
        shift = low - _BELOW * spread
        phi, eigenvalue = _inverse_iteration(cells, matrix, mass, shift, spread)
        psi = phi
        if not forms.SYMMETRIC:
            # The bordered systems below hold an unknown where no kernel vanishes, that of the
            # transpose included.
            psi, _ = _inverse_iteration(cells, matrix, mass, shift, spread, transposed=True)
        cells.pin([phi], [psi])
        phi, eigenvalue = _newton(cells, matrix, mass, phi, eigenvalue, noise)
    bottom, top = cells.ratios(phi, cells.ones())
    # A ground state has one sign (Krein and Rutman); on a mesh nearly so.
    if bottom < -_NEGATIVE * top:
        raise KernelError(
            f"the principal eigenfunction changes its sign (from {bottom:.1e} to {top:.1e}): the"
            " mesh is too coarse"
        )
    cells.assign(forms.EIGENVALUE, eigenvalue)
    cells.store(0, (cells.volume / float(weights.dot(phi))) * phi)
    return eigenvalue


def _inverse_iteration(
    cells: Discrete,
    matrix: LibraryMatrix,
    mass: LibraryMatrix,
    shift: float,
    spread: float,
    transposed: bool = False,
) -> tuple[Vector, float]:
    """From the constant 1; also for the transposed matrices (those of `mass` with a weight are
    symmetric: one coefficient times u v).
    """
    phi = cells.ones()
    eigenvalue = np.inf
    with cells.solver(matrix - shift * mass, (), (), transposed) as solve:
        for _ in range(_INVERSE_STEPS):
            phi, _ = solve(mass * phi, ())
            # The mean was 1 before the step: after it, it is 1 / (eigenvalue - shift).
            size = float(cells.weights[0].dot(phi)) / cells.volume
            before = eigenvalue
            eigenvalue = shift + 1.0 / size
            phi = (1.0 / size) * phi
            if abs(eigenvalue - before) < _FIRST * min(spread, eigenvalue - shift):
                break
    return phi, eigenvalue


def _newton(
    cells: Discrete,
    matrix: LibraryMatrix,
    mass: LibraryMatrix,
    phi: Vector,
    eigenvalue: float,
    noise: float,
) -> tuple[Vector, float]:
    for _ in range(_NEWTON_STEPS):
        shifted = matrix - eigenvalue * mass
        load = mass * phi
        with cells.solver(shifted, [load], [cells.weights[0]]) as solve:
            # Newton's method for the pair: (A - lam M) step + change M phi = -(A - lam M) phi, with
            # <step> = 0. The matrix is singular at the eigenvalue, the bordered one is not.
            step, (change,) = solve(-1.0 * (shifted * phi), [0.0])
        phi = phi + step
        eigenvalue = eigenvalue - change
        if abs(change) <= noise:
            return phi, eigenvalue
    raise KernelError(
        f"no principal eigenvalue was found: Newton's method still changes it by {abs(change):.1e}"
    )
