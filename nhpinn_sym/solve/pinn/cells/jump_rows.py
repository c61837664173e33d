"""The rows of cell problems whose coefficients jump.

- in every phase the equation of that phase, operator(net) + multipliers = right-hand side;
- at every interface the continuity of the functions, and of their conormal fluxes, those of the
  right-hand sides included; at one of imperfect contact n . flux = K [N] in the place of the first;
- the value of one net at one point, as constants are free.
Blocks are brought to one size and weighed; the sum of squares is a mean over the phases plus means
over the interfaces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ....emit.torch_cells import Stage
from ....runtime.nets.jets import full
from ...level_set_quadrature import Interface, Partition
from ..collocation import Rows, balance_factors, operator_weights, row_strengths
from ..network import Jet
from .averages import CellFunctions
from .contacts import ContactLaw
from .jump_blocks import Block
from .subdomains import Subdomain

CONTINUITY = 10.0
FLUX = 1.0
"""Weights of the rows at interfaces; measured: the square of ten more or less hardly matters."""
# Points at interfaces, by points in a phase.
_INTERFACE = 0.5
# Points at which blocks of rows are compared.
_SAMPLES = 256
# Points of a line in a part of an interface, at least.
_COARSE = 4


@dataclass(frozen=True)
class JumpRows:
    """The rows at one slow point (s,); the numbers that balance them."""

    partition: Partition
    pieces: tuple[Subdomain, ...]
    slow: Tensor
    contacts: ContactLaw

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(self.pieces[0].trial.module.STAGES)

    @property
    def components(self) -> int:
        return int(self.pieces[0].trial.module.COMPONENTS)

    def __call__(
        self, number: int, families: Sequence[CellFunctions], counts: Sequence[int], seed: int
    ) -> list[Block]:
        """The blocks of stage `number` with `counts` points in the phases; the last one is the
        gauge.
        """
        stage = _StageRows(self, number, families)
        inside = [
            stage.inside(piece, count, seed)
            for piece, count in zip(self.pieces, counts, strict=True)
            if not piece.void
        ]
        return [
            *inside,
            *stage.between(self.interfaces(round(_INTERFACE * max(counts)))),
            stage.gauge(),
        ]

    def interfaces(self, count: int) -> Interface:
        """At least about `count` points of the interfaces."""
        coarse = self.partition.interfaces(_COARSE)
        dim = self.partition.dim
        if dim == 1:
            return coarse
        return self.partition.interfaces(
            max(
                _COARSE,
                math.ceil(_COARSE * (count / max(1, len(coarse.points))) ** (1 / (dim - 1))),
            )
        )

    def at(self, points: Tensor) -> Tensor:
        """Points (n, d) beside the slow point."""
        return torch.cat([points, self.slow.expand(len(points), -1)], -1)

    def left(self, piece: Subdomain, points: Tensor) -> Tensor:
        """The factors (n, equations, components, derivatives) of the operator."""
        tables = piece.trial.module.coefficients(self.at(points), **piece.parameters)
        return operator_weights(points, tables, self.components, piece.trial.indices)

    def conormal(self, piece: Subdomain, points: Tensor, normals: Tensor) -> Tensor:
        """The factors of the flux along the normals (n, d)."""
        out = points.new_zeros(
            len(points), self.components, self.components, len(piece.trial.indices)
        )
        tables = piece.trial.module.flux_coefficients(self.at(points), **piece.parameters)
        for (i, axis, j), table in tables.items():
            for index, value in table.items():
                along = normals[:, axis] * full(points, value)
                out[:, i, j, piece.trial.indices.index(index)] += along
        return out

    def traces(self, found: Interface, families: Sequence[CellFunctions]) -> tuple[Tensor, Tensor]:
        """(n, functions * components) at interface points: the mean of n . flux of both sides, and
        the value before less that behind.
        """
        shape = (len(found.points), families[0].outputs)
        flux, jump = (
            torch.zeros(shape, dtype=torch.float64, device=self.slow.device) for _ in range(2)
        )
        for labels, there, sign in (
            (found.minus, found.before, 1.0),
            (found.plus, found.points, -1.0),
        ):
            for piece in self.pieces:
                here = np.flatnonzero(labels == piece.number)
                points, normals = (
                    torch.as_tensor(v[here], device=self.slow.device)
                    for v in (there, found.normals)
                )
                jet = families[piece.number].jet(piece.unfold(points), piece.trial.indices)
                jump[here] += sign * jet[piece.trial.indices[0]]
                flux[here] += (self._fluxes(piece, points, jet) * normals[:, None]).sum(-1) / 2
        return flux, jump

    def springs(self, found: Interface) -> tuple[Tensor, Tensor]:
        """K (n, m, m) at interface points, 0 where the contact is perfect and beside voids, and
        where it is not perfect.
        """
        device = self.slow.device
        count = len(found.points)
        springs = torch.zeros(
            count, self.components, self.components, dtype=torch.float64, device=device
        )
        broken = torch.zeros(count, dtype=torch.bool, device=device)
        for a, b in sorted(set(zip(found.minus.tolist(), found.plus.tolist(), strict=True))):
            here = np.flatnonzero((found.minus == a) & (found.plus == b))
            points, normals = (
                torch.as_tensor(v[here], device=device) for v in (found.points, found.normals)
            )
            stiffness = self.contacts.between(a, b, points, normals)
            free = self.pieces[a].void or self.pieces[b].void
            if stiffness is not None and not free:
                springs[here] = stiffness
            broken[here] = free or stiffness is not None
        return springs, broken

    def _fluxes(self, piece: Subdomain, points: Tensor, jet: Jet) -> Tensor:
        """The fluxes of all functions, (n, functions * components, axes)."""
        module = piece.trial.module
        m = self.components
        parts = [
            module.flux(
                self.at(points),
                {a: v[:, members[0] * m : (members[-1] + 1) * m] for a, v in jet.items()},
                n,
                jet,
                **piece.parameters,
            )
            for n, (_, members) in enumerate(self.stages)
        ]
        return torch.cat(parts, 1)

    @cached_property
    def balance(self) -> tuple[Tensor, Tensor]:
        """Factors of the equations and of the components."""
        return balance_factors(
            torch.stack(
                [
                    row_strengths(self.left(p, p.draw(self.partition, _SAMPLES, 0)), p.trial)
                    for p in self.pieces
                ]
            ).amax(0)
        )

    @cached_property
    def strength(self) -> list[tuple[float, float]]:
        """Of the scaled operator and of the scaled flux of every phase, for a function that varies
        over its window.
        """
        rows, columns = self.balance
        out = []
        for p in self.pieces:
            points = p.draw(self.partition, _SAMPLES, 0)
            normals = torch.nn.functional.normalize(
                torch.randn(
                    points.shape, generator=torch.Generator().manual_seed(0), dtype=points.dtype
                )
            )
            tables = (self.left(p, points), self.conormal(p, points, normals.to(points.device)))
            first, second = (
                float((rows[:, None] * row_strengths(t, p.trial) * columns).max()) or 1.0
                for t in tables
            )
            out.append((first, second))
        return out


@dataclass(frozen=True)
class _StageRows:
    """The blocks of one stage; families: the functions so far in every phase."""

    rows: JumpRows
    number: int
    families: Sequence[CellFunctions]

    @property
    def members(self) -> int:
        return len(self.rows.stages[self.number][1])

    def inside(self, piece: Subdomain, count: int, seed: int) -> Block:
        points = piece.draw(self.rows.partition, count, seed)
        m = self.rows.components
        source = piece.trial.module.SOURCES[self.number](
            self.rows.at(points), self._known(piece, points), **piece.parameters
        )
        equations, components = self.rows.balance
        scale = math.sqrt(piece.share / count) / self.rows.strength[piece.number][0] * equations
        extra = scale[:, None] * torch.eye(m, dtype=points.dtype, device=points.device).expand(
            count, -1, -1
        )
        left = scale[:, None, None] * self.rows.left(piece, points) * components[:, None]
        return self._block(
            (
                piece,
                points,
                left,
                extra,
                scale[:, None] * source.reshape(count, -1, m).transpose(1, 2),
            )
        )

    def between(self, found: Interface) -> list[Block]:
        """Continuity and balance of fluxes for every pair of phases that touch; no flux into a
        void.
        """
        blocks = []
        area = float(found.weights.sum())
        for a, b in sorted(
            {(int(p), int(q)) for p, q in zip(found.minus, found.plus, strict=True)}
        ):
            here = np.flatnonzero((found.minus == a) & (found.plus == b))
            before, points, normals, weights = (
                torch.as_tensor(v[here], device=self.rows.slow.device)
                for v in (found.before, found.points, found.normals, found.weights)
            )
            both = ((self.rows.pieces[a], before, 1.0), (self.rows.pieces[b], points, -1.0))
            sides = [side for side in both if not side[0].void]
            share = (weights / area).sqrt()
            stiffness = self.rows.contacts.between(a, b, points, normals)
            if len(sides) == 1:
                blocks += [self._flux(sides, normals, share)]
            elif stiffness is None:
                blocks += [self._continuity(sides, share), self._flux(sides, normals, share)]
            else:
                blocks += [
                    self._contact(sides, normals, share, stiffness),
                    self._flux(sides, normals, share),
                ]
        return blocks

    def gauge(self) -> Block:
        piece = max((p for p in self.rows.pieces if not p.void), key=lambda p: p.share)
        points = piece.draw(self.rows.partition, 1, 0)
        m = self.rows.components
        return self._block(
            (
                piece,
                points,
                self._values(piece, points.new_ones(1)),
                points.new_zeros(1, m, m),
                None,
            )
        )

    def _continuity(self, sides: Sequence[tuple[Subdomain, Tensor, float]], share: Tensor) -> Block:
        return self._block(
            *(
                (piece, points, self._values(piece, sign * CONTINUITY * share), None, None)
                for piece, points, sign in sides
            )
        )

    def _flux(
        self, sides: Sequence[tuple[Subdomain, Tensor, float]], normals: Tensor, share: Tensor
    ) -> Block:
        scale = FLUX * share / self._strength(sides)
        return self._block(*self._conormal(sides, normals, [sign * scale for *_, sign in sides]))

    def _strength(self, sides: Sequence[tuple[Subdomain, Tensor, float]]) -> float:
        """Of the scaled fluxes of the sides."""
        strengths = [self.rows.strength[piece.number][1] for piece, _, _ in sides]
        return math.prod(strengths) ** (1 / len(sides))

    def _contact(
        self,
        sides: Sequence[tuple[Subdomain, Tensor, float]],
        normals: Tensor,
        share: Tensor,
        stiffness: Tensor,
    ) -> Block:
        """The mean of n . flux of both sides less K (N behind - N before): that of the continuity
        where K is large, that of a free surface where it is small."""
        equations, components = self.rows.balance
        scaled = equations[:, None] * stiffness * components
        size = scaled.abs().amax((1, 2)) / CONTINUITY + self._strength(sides) / FLUX
        scale = share / size
        parts = []
        fluxes = self._conormal(sides, normals, [scale / 2, scale / 2])
        for (_, _, sign), (piece, points, weights, extra, target) in zip(
            sides, fluxes, strict=True
        ):
            weights = weights.clone()
            weights[..., 0] += sign * scale[:, None, None] * scaled
            parts.append((piece, points, weights, extra, target))
        return self._block(*parts)

    def _conormal(
        self,
        sides: Sequence[tuple[Subdomain, Tensor, float]],
        normals: Tensor,
        scales: Sequence[Tensor],
    ) -> list[tuple[Subdomain, Tensor, Tensor, Tensor | None, Tensor | None]]:
        """The scaled fluxes along the normals, and minus those of the right-hand side."""
        equations, components = self.rows.balance
        m = self.rows.components
        parts: list[tuple[Subdomain, Tensor, Tensor, Tensor | None, Tensor | None]] = []
        for (piece, points, _), scale in zip(sides, scales, strict=True):
            factor = scale[:, None] * equations
            weights = (
                factor[:, :, None, None]
                * self.rows.conormal(piece, points, normals)
                * components[:, None]
            )
            source = piece.trial.module.FLUX_SOURCES[self.number](
                self.rows.at(points), self._known(piece, points), **piece.parameters
            )
            along = (
                (source.reshape(len(points), -1, m, points.shape[1]) * normals[:, None, None])
                .sum(-1)
                .transpose(1, 2)
            )
            parts.append((piece, points, weights, None, factor[:, :, None] * along))
        return parts

    def _values(self, piece: Subdomain, factors: Tensor) -> Tensor:
        """The factors of the values of a net, (n, components, components, derivatives)."""
        m = self.rows.components
        out = factors.new_zeros(len(factors), m, m, len(piece.trial.indices))
        out[..., 0] = factors[:, None, None] * torch.eye(
            m, dtype=factors.dtype, device=factors.device
        )
        return out

    def _known(self, piece: Subdomain, points: Tensor) -> dict[tuple[int, ...], Tensor]:
        return self.families[piece.number].jet(
            piece.unfold(points), piece.trial.module.KNOWN_INDICES
        )

    def _block(
        self, *sides: tuple[Subdomain, Tensor, Tensor, Tensor | None, Tensor | None]
    ) -> Block:
        """From (piece, points, weights, extra, target); None is zero."""
        m = self.rows.components
        size = torch.zeros(self.members, dtype=torch.float64, device=self.rows.slow.device)
        found = []
        for piece, points, weights, extra, target in sides:
            if extra is None:
                extra = points.new_zeros(len(points), m, m)
            if target is None:
                target = points.new_zeros(len(points), m, self.members)
            rows = Rows(piece.unfold(points), weights, extra, target, size)
            found.append((piece.number, rows))
        return Block(tuple(found))
