"""Simple polygons with exact vertices: is one simple, and its convex parts."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from .errors import ProblemError

Vertex = tuple[sp.Expr, ...]
_REMEDY = "give the vertices in the order in which the boundary runs"


def turn(p: Vertex, q: Vertex, r: Vertex) -> sp.Expr:
    """Twice the signed area of a triangle: positive where p, q, r turn to the left."""
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def require_simple(vertices: Sequence[Vertex]) -> None:
    """ProblemError where edges meet in more than the vertices of neighbours, or where the polygon
    has no area.
    """
    n = len(vertices)
    edges = [(vertices[k], vertices[(k + 1) % n]) for k in range(n)]
    flat = all(turn(*_corner(vertices, k)) == 0 for k in range(n))
    if len(set(vertices)) < n or flat:
        raise ProblemError(
            "a polygon with a double vertex, or without area", term=vertices, remedy=_REMEDY
        )
    for i, (p, q) in enumerate(edges):
        for j in range(i + 1, n):
            apart = j - i not in (1, n - 1)
            if _meet(p, q, *edges[j]) if apart else _back(p, q, *edges[j]):
                raise ProblemError(
                    "a polygon that intersects itself", term=vertices, remedy=_REMEDY
                )


def convex_parts(vertices: Sequence[Vertex]) -> list[tuple[Vertex, ...]]:
    """The polygon itself where it is convex, otherwise triangles that make it up (ear clipping);
    all run to the left.
    """
    ring = list(vertices) if area(vertices) > 0 else list(reversed(vertices))
    if all(turn(*_corner(ring, k)) >= 0 for k in range(len(ring))):
        return [tuple(ring)]
    parts = []
    while len(ring) > 3:
        # There always is one: every simple polygon has two ears (Meisters 1975).
        k = next(k for k in range(len(ring)) if _ear(ring, k))
        parts.append(_corner(ring, k))
        del ring[k]
    return [*parts, tuple(ring)]


def _corner(ring: Sequence[Vertex], k: int) -> tuple[Vertex, Vertex, Vertex]:
    """Vertex k between its neighbours."""
    return ring[k - 1], ring[k], ring[(k + 1) % len(ring)]


def area(vertices: Sequence[Vertex]) -> sp.Expr:
    """Twice the signed area, by the shoelace formula."""
    neighbours = zip(vertices, (*vertices[1:], vertices[0]), strict=True)
    return sp.Add(*[p[0] * q[1] - p[1] * q[0] for p, q in neighbours])


def _ear(ring: list[Vertex], k: int) -> bool:
    """Whether the triangle at vertex k lies inside and holds no other vertex."""
    corner = _corner(ring, k)
    p, q, r = corner
    if not turn(p, q, r) > 0:
        return False
    others = [v for v in ring if v not in corner]
    edges = ((p, q), (q, r), (r, p))
    return not any(all(turn(a, b, v) >= 0 for a, b in edges) for v in others)


def _meet(p: Vertex, q: Vertex, r: Vertex, s: Vertex) -> bool:
    """Whether two segments have a common point: they cross, or an end of one lies on the other."""
    ends = ((p, q, r), (p, q, s), (r, s, p), (r, s, q))
    sides = [sp.sign(turn(*end)) for end in ends]
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    return any(side == 0 and _between(*end) for side, end in zip(sides, ends, strict=True))


def _back(p: Vertex, q: Vertex, r: Vertex, s: Vertex) -> bool:
    """Whether of two edges with a common vertex one runs back over the other."""
    (middle,) = {p, q} & {r, s}
    (one,) = {p, q} - {middle}
    (other,) = {r, s} - {middle}
    if turn(middle, one, other) != 0:
        return False
    return _between(middle, one, other) or _between(middle, other, one)


def _between(p: Vertex, q: Vertex, v: Vertex) -> bool:
    """Whether v, on the line of p and q, lies between them."""
    return all(min(a, b) <= c and c <= max(a, b) for a, b, c in zip(p, q, v, strict=True))
