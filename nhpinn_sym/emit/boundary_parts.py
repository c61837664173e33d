"""How emitted text speaks of the parts of a boundary: PARTS and TAGS, by name."""

from __future__ import annotations

from collections.abc import Sequence

from ..lower.forms import LoweredEquation
from ..problem.escaping import literal


def normals_text(lowered: LoweredEquation) -> dict[str, tuple[float, ...]]:
    """PARTS: the outward unit normal of each part of the boundary; () where it is not the same
    everywhere.
    """
    return {
        part.name: tuple(int(n) if n.is_integer else float(n) for n in part.normal)
        for part in lowered.domain.parts
    }


def tags_of(lowered: LoweredEquation) -> dict[str, int]:
    """TAGS: the number by which the facets of each part are marked."""
    return {part.name: 1 + k for k, part in enumerate(lowered.domain.parts)}


def describe_part(lowered: LoweredEquation, name: str) -> str:
    """For docstrings: "left" (x1 = 0)."""
    place = lowered.domain.part(name).describe(lowered.coordinates)
    return f'"{name}" ({place})'


def describe_parts(lowered: LoweredEquation, names: Sequence[str]) -> str:
    """For docstrings: "left" (x1 = 0) and "top" (x2 = 1)."""
    return " and ".join(describe_part(lowered, name) for name in names)


def tags_text(names: Sequence[str]) -> str:
    """The argument of a measure for some parts."""
    tags = [f"TAGS[{literal(name)}]" for name in names]
    if len(tags) == 1:
        return tags[0]
    return f"({', '.join(tags)})"
