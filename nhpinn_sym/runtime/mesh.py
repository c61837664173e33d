"""What solvers and estimates ask of a mesh, and of a function on one, whatever its elements.

`lattice.Lattice` and `lagrange_grid.LagrangeGrid` are the ones of boxes. For another kind of mesh
`quadrature.rule_on`, and `space_on` of a finite element library, are given theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from .arrays import Array

Own = TypeVar("Own", bound="MeshFunction")


class Mesh(Protocol):
    """A mesh of a domain; meshes that are equal are equal keys, and text that a user can read."""

    @property
    def dim(self) -> int: ...

    @property
    def cells(self) -> tuple[int, ...]:
        """The numbers of its cells: along each axis of a lattice, all together elsewhere."""

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The smallest box around it."""

    @property
    def lines(self) -> tuple[Array, ...]:
        """The lines between the cells along each axis; () where the mesh is no product of them."""

    def count(self, degree: int) -> int:
        """The number of nodes of Lagrange elements of that degree."""

    def __hash__(self) -> int: ...

    def __eq__(self, other: object) -> bool: ...


class MeshFunction(Protocol):
    """A piecewise polynomial function, or a batch of them."""

    @property
    def mesh(self) -> Mesh: ...

    @property
    def degree(self) -> int: ...

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the batch; () for one function."""

    def __getitem__(self: Own, key: int | slice) -> Own:
        """Along the first axis of the batch."""

    def evaluate(self, points: Array, index: Sequence[int]) -> Array:
        """D^index at points (n, d), (*batch, n). ValueError outside, or for what is no derivative
        of these elements.
        """
