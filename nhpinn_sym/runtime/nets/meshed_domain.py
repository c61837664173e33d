"""Fits on a domain that is no box, whose mesh lies beside the emitted files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, Integers
from ..fitted.domain_mesh import DomainMesh, RegionMesh
from ..fitted.singular_places import SingularPlaces
from .fits import FormArguments, box_points
from .function_families import JetsOfFamily, modulate, stack_functions, wall_polynomials
from .inputs import Axes
from .region_functions import LeadingTerms, region_families

# Of the shapes in time by which known functions are multiplied.
_DEGREE = 8


@dataclass(frozen=True)
class MeshedFitDomain:
    """See `fit_domains.FitDomain`; axes: of the box around the mesh, and of the time; places: where
    solutions are singular, None where nothing is known of them."""

    axes: Axes
    mesh: RegionMesh
    places: SingularPlaces | None = None

    @classmethod
    def load(cls, axes: Axes, mesh: str, places: str | None = None) -> MeshedFitDomain:
        """From files."""
        known = None if places is None else SingularPlaces.load(places)
        return cls(axes, RegionMesh(DomainMesh.load(mesh)), known)

    @cached_property
    def _share(self) -> float:
        """Of the box around it."""
        lengths = [b - a for _, a, b in self.axes[: self.mesh.dim]]
        return float(self.mesh.mesh.volumes.sum() / np.prod(lengths))

    def draw(self, count: int, axes: Axes, seed: int = 0) -> Tensor:
        found = box_points(round(count / self._share), axes, seed)
        return found[torch.as_tensor(self.mesh.holds(found[:, : self.mesh.dim].numpy()))]

    def on(self, part: str, points: Tensor) -> Tensor:
        dim = self.mesh.dim
        there = torch.as_tensor(self.mesh.points_on(part, points[:, :dim].numpy()))
        return torch.cat([there, points[:, dim:]], 1)

    def known(self, forms: Any, given: Callable[[Tensor], FormArguments]) -> Sequence[JetsOfFamily]:
        """Those of corners and holes, in time times polynomials that vanish at its start."""
        units = torch.ones(int(getattr(forms, "COMPONENTS", 1)), dtype=torch.float64)
        dim = self.mesh.dim
        ends = tuple(b for _, _, b in self.axes[dim:])
        terms = LeadingTerms(forms, given, units, units, ends)
        found = [] if self.places is None else [f for _, f in region_families(self.places, terms)]
        along = wall_polynomials(_DEGREE, [-1.0], periodic=False)
        for end in ends:
            found = [tuple(modulate(f, dim, (0.0, end), along) for f in each) for each in found]
        return [stack_functions([each[j] for each in found]) for j in range(len(units))]

    def shown(self) -> tuple[Tensor, Mapping[str, Array | Integers], tuple[int, ...]]:
        """At the nodes of the mesh."""
        own = self.mesh.mesh
        ends = [np.full(len(own.points), b) for _, _, b in self.axes[own.dim :]]
        points = torch.as_tensor(np.column_stack([own.points, *ends]))
        return points, {"points": own.points, "cells": own.cells}, (len(points),)
