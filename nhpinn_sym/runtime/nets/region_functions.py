"""The known functions that plane regions ask for: singular ones at corners, and at changes of
conditions, and those with poles and logarithms in holes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, Flags, MultiIndex
from ..fitted.singular_places import SingularPlaces
from .corners import Characteristics, Edge, characteristics, singularities
from .function_families import Family
from .wedges import hole_corner_functions, pole_functions, turned, turns_of, wedge_functions

# The highest power of poles in a hole.
_POLES = 8
# Relative difference of given values that is a jump.
_JUMP = 1e-9

Tables = Mapping[Any, Any]
"""Emitted coefficients of derivatives, by equation and component where there are several."""


@dataclass(frozen=True)
class LeadingTerms:
    """What corners ask of an emitted {name}_residual.py, whose module is `forms`.

    given      : its keyword arguments at points
    rows, columns: units of the equations and of the components
    ends       : of the time, where there is one
    """

    forms: Any
    given: Callable[[Tensor], Mapping[str, Any]]
    rows: Tensor
    columns: Tensor
    ends: tuple[float, ...] = ()

    @property
    def components(self) -> int:
        return len(self.rows)

    def point(self, place: Array) -> Tensor:
        """A point of the region at the end of the time, (1, columns)."""
        return torch.as_tensor(np.append(place, self.ends)[None], device=self.rows.device)

    def tables(self, point: Tensor, coefficients: Callable[..., Any]) -> Tables:
        """By equation and component."""
        found = coefficients(point, **self.given(point))
        return found if self.components > 1 else {(0, 0): found}

    def factors(
        self, point: Tensor, index: MultiIndex, coefficients: Callable[..., Any] | None = None
    ) -> Array:
        """The factors (m, m) of D^index at one point, in scaled equations and components; of the
        conditions of a part of the boundary, if their coefficients are given.
        """
        found = torch.zeros(self.components, self.components, dtype=torch.float64)
        for (i, j), terms in self.tables(point, coefficients or self.forms.coefficients).items():
            factor = torch.as_tensor(terms.get(index, 0.0)).reshape(-1)[0]
            found[i, j] = self.rows[i] * self.columns[j] * factor
        return found.numpy()

    def leading(self, place: Array, orders: Any, coefficients: Any = None) -> Array:
        """The same of some derivatives in space, (orders, m, m)."""
        rest = (0,) * len(self.ends)
        point = self.point(place)
        return np.stack([self.factors(point, (*order, *rest), coefficients) for order in orders])

    def characteristics(self, place: Array, frame: Array | None = None) -> Characteristics | None:
        """Of the operator, by coordinates along the rows of a frame."""
        principal = self.leading(place, ((2, 0), (1, 1), (0, 2)))
        return characteristics(principal if frame is None else turned(principal, frame))

    def scaled(self, of: Characteristics) -> Characteristics:
        """With the components in their own units."""
        return of._replace(vectors=self.columns.cpu().numpy()[:, None] * of.vectors)

    def are_given(self, place: Array, part: str) -> Flags:
        """Which components (m,) have values on a part of the boundary, not fluxes."""
        tables = self.tables(self.point(place), self.forms.BOUNDARY[part][0])
        found = np.zeros(self.components, dtype=bool)
        for (i, j), terms in tables.items():
            if i == j:
                value = torch.as_tensor(terms.get((0,) * (2 + len(self.ends)), 0.0))
                found[i] = bool((value != 0).any())
        for (i, _), terms in tables.items():
            found[i] &= not any(sum(index) for index in terms)
        return found

    def edge(self, place: Array, frame: Array, part: str, given: Flags) -> Edge:
        """The leading conditions on a part, by coordinates along the rows of the frame."""
        along = across = np.zeros((len(given), len(given)))
        if not given.all():
            by_x, by_y = self.leading(place, ((1, 0), (0, 1)), self.forms.BOUNDARY[part][0])
            along, across = (a * by_x + b * by_y for a, b in frame)
        return Edge(
            np.where(given, 0, 1),
            np.where(given[:, None], np.eye(len(given)), along),
            np.where(given[:, None], 0.0, across),
        )

    def jumping(self, place: Array, parts: Sequence[str], given: Flags) -> list[bool]:
        """Which components are given on both sides by values that differ at a place."""
        point = self.point(place)
        values = [self.forms.BOUNDARY[part][1](point, **self.given(point)) for part in parts]
        one, other = (value.reshape(-1).cpu().numpy() for value in values)
        differ = np.abs(one - other) > _JUMP * np.maximum(np.abs(one), np.abs(other))
        return [bool(x) for x in given & differ]


def region_families(places: SingularPlaces, terms: LeadingTerms) -> Iterator[tuple[str, Family]]:
    """Each with its kind."""
    for k in range(len(places.corners)):
        found = _of_corner(places, k, terms)
        if found is not None:
            yield "corners", found
    for place, radius, rim in zip(places.holes, places.radii, places.rims, strict=True):
        of = terms.characteristics(rim)
        if of is not None:
            yield "holes", pole_functions(terms.scaled(of), place, float(radius), _POLES)


def _of_corner(places: SingularPlaces, k: int, terms: LeadingTerms) -> Family | None:
    """The singular functions of a corner; None where it has none."""
    place, frame, angle = places.corners[k], places.frames[k], float(places.angles[k])
    before, after = places.parts[k].tolist()
    given = [terms.are_given(place, part) for part in (before, after)]
    if places.straight[k] and (given[0] == given[1]).all():
        return None
    of = terms.characteristics(place, frame)
    if of is None:
        return None
    # The first edge is the part that follows the corner.
    edges = (
        terms.edge(place, frame, after, given[1]),
        terms.edge(place, frame, before, given[0]),
    )
    jumping = terms.jumping(place, (before, after), given[0] & given[1])
    found = singularities(of, edges, jumping, turns_of(of.roots, angle))
    if not found:
        return None
    if np.isnan(places.cuts[k]):
        return hole_corner_functions(terms.scaled(of), found, place, frame, places.ends[k])
    return wedge_functions(terms.scaled(of), found, place, frame, float(places.cuts[k]))
