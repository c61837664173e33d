"""Random periodic functions of one variable: as text for SymPy, as a NumPy function, and with the
places of their features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .oracles.spaces import Array, Mark, gauss, periodic_edges

Random = np.random.Generator


@dataclass(frozen=True)
class Profile:
    """A function of period 1. `text` is SymPy with the coordinate written Y; `waves` its highest
    harmonic.

    breaks: where it or its slope jumps; marks: (place, width) of thin features; blur: what the
    rounding of its conditions leaves open of its means, relative.
    """

    text: str
    value: Callable[[Array], Array]
    breaks: tuple[float, ...] = ()
    marks: tuple[Mark, ...] = ()
    waves: int = 1
    blur: float = 0.0

    def at(self, coordinate: str) -> str:
        """The text in a coordinate such as "s.y[0]"."""
        axis = coordinate[-2] if coordinate.endswith("]") else "0"
        return "(" + self.text.replace("Y", coordinate).replace("AXIS", axis) + ")"

    def combined(self, text: str, value: Callable[[Array], Array], *others: Profile) -> Profile:
        """A function of this one and others, with the features of all."""
        parts = (self, *others)
        return Profile(
            text,
            value,
            tuple(v for p in parts for v in p.breaks),
            tuple(m for p in parts for m in p.marks),
            max(p.waves for p in parts),
            sum(p.blur for p in parts),
        )


def ends_of(*profiles: Profile) -> Array:
    """Panels of the unit interval on which all profiles are smooth and resolved."""
    breaks = [v for p in profiles for v in p.breaks]
    marks = [m for p in profiles for m in p.marks]
    return periodic_edges(breaks, marks, max(8, 6 * max((p.waves for p in profiles), default=1)))


def mean_over(*profiles: Profile) -> Callable[[Callable[[Array], Any]], Any]:
    """The mean over a period of functions f(t) -> (n, ...), by Gauss's rule on `ends_of`."""
    points, weights = gauss(ends_of(*profiles))
    return lambda function: np.tensordot(weights, np.asarray(function(points)), axes=1)


def rounded(value: float, digits: int = 4) -> float:
    """A number of few digits: the text and the oracle hold the same one."""
    return float(f"{value:.{digits}g}")


def place(rng: Random) -> float:
    """A place in the unit interval with four decimals."""
    return round(float(rng.uniform(0, 1)), 4)


def width(rng: Random, least: float = 1e-4) -> float:
    """A width, uniform in its logarithm."""
    return rounded(math.exp(rng.uniform(math.log(least), math.log(0.3))), 3)


def size(rng: Random, contrast: float = 1e4) -> float:
    """A positive number, uniform in its logarithm, within the contrast to both sides of 1."""
    half = math.log(contrast) / 2
    return rounded(math.exp(rng.uniform(-half, half)), 3)


def layers(
    rng: Random, contrast: float = 1e4, values: list[float] | None = None, shapes: bool = True
) -> Profile:
    """One to six layers with ends at random places, some of them thin: a Piecewise, or (in y only)
    shapes.
    """
    count = len(values) if values else int(rng.integers(2, 7))
    cuts = sorted({round(float(v), 4) for v in rng.uniform(0.0, 1.0, count - 1)})
    if rng.random() < 0.3:
        cuts = sorted({*cuts[:-1], round(min(cuts[0] + width(rng), 0.9999), 4)})
    cuts = [v for v in cuts if 0 < v < 1]
    numbers = values or [size(rng, contrast) for _ in range(len(cuts) + 1)]
    numbers = numbers[: len(cuts) + 1]
    ends = [0.0, *cuts, 1.0]

    def value(y: Array) -> Array:
        return np.asarray(numbers)[np.searchsorted(cuts, np.asarray(y) % 1.0, side="right")]

    if rng.random() < 0.5 or not shapes or not cuts:
        branches = ", ".join(f"({v!r}, Y < {e!r})" for v, e in zip(numbers, cuts, strict=False))
        text = f"sp.Piecewise({branches}, ({numbers[-1]!r}, True))"
    else:
        regions = ", ".join(
            f"nh.Layer(AXIS, ({a!r}, {b!r})): {v!r}"
            for v, a, b in zip(numbers[:-1], ends[:-1], cuts, strict=False)
        )
        text = f"nh.phases(s, {{{regions}}}, default={numbers[-1]!r})"
    return Profile(text, value, (0.0, *cuts))


def strip(rng: Random, contrast: float = 1e4) -> Profile:
    """One layer of a random width around a random centre, as a condition on a cosine: periodic as
    it stands.
    """
    low, high, centre, thick = size(rng, contrast), size(rng, contrast), place(rng), width(rng)

    def value(y: Array) -> Array:
        return np.where(np.cos(2 * np.pi * (y - centre)) > math.cos(math.pi * thick), high, low)

    inside = f"sp.cos(2*sp.pi*(Y - {centre!r})) > sp.cos(sp.pi*{thick!r})"
    text = f"sp.Piecewise(({high!r}, {inside}), ({low!r}, True))"
    # A cosine, rounded, says where the two walls are to this.
    walls = 2 * np.finfo(float).eps / (2 * math.pi * math.sin(math.pi * thick))
    blur = max(
        walls * abs(high - low) / (low + thick * (high - low)),
        walls * abs(1 / high - 1 / low) / (1 / low + thick * (1 / high - 1 / low)),
    )
    ends = ((centre - thick / 2) % 1, (centre + thick / 2) % 1)
    return Profile(text, value, ends, blur=blur)


def tanh_layers(rng: Random, contrast: float = 1e4) -> Profile:
    """Two phases with a steep smooth wall."""
    low, high, centre = size(rng, contrast), size(rng, contrast), place(rng)
    steep = rounded(1 / (2 * math.pi * width(rng, 3e-4)), 3)

    def value(y: Array) -> Array:
        return low + (high - low) * (1 + np.tanh(steep * np.sin(2 * np.pi * (y - centre)))) / 2

    wall = f"sp.tanh({steep!r}*sp.sin(2*sp.pi*(Y - {centre!r})))"
    text = f"{low!r} + ({high!r} - {low!r})*(1 + {wall})/2"
    thick = 1 / (2 * math.pi * steep)
    # Where the high phase ends 1/a rises exponentially: its corner lies away from the wall by the
    # logarithm of the contrast.
    shift = thick * abs(math.log(high / low)) / 2
    marks = tuple(((centre + k / 2 + d) % 1, thick) for k in (0, 1) for d in (-shift, 0.0, shift))
    return Profile(text, value, (), marks)


def bump(rng: Random, contrast: float = 1e4) -> Profile:
    """A narrow bump, of Gauss's or Lorentz's form, of the coefficient or of its inverse."""
    ground, height, centre, thick = size(rng, 10), size(rng, contrast), place(rng), width(rng, 3e-4)
    gaussian, inverse = bool(rng.random() < 0.5), bool(rng.random() < 0.4)
    form = "sp.exp(-({0})**2)" if gaussian else "1/(1 + ({0})**2)"
    text = f"1 + {height!r}*" + form.format(f"sp.sin(sp.pi*(Y - {centre!r}))/(sp.pi*{thick!r})")
    text = f"{ground!r}/({text})" if inverse else f"{ground!r}*({text})"

    def value(y: Array) -> Array:
        z = (np.sin(np.pi * (y - centre)) / (np.pi * thick)) ** 2
        g = 1 + height * (np.exp(-z) if gaussian else 1 / (1 + z))
        return ground / g if inverse else ground * g

    wide = thick * math.sqrt(1 + height)
    reach = thick * math.sqrt(max(math.log(max(height, 1.1)), 0.1))
    marks = ((centre, thick), (centre, wide), (centre - reach, thick), (centre + reach, thick))
    return Profile(text, value, (), marks)


def harmonic(rng: Random, most: int = 200) -> Profile:
    """A wave of a random harmonic."""
    ground, depth, phase = size(rng, 10), rounded(rng.uniform(0.2, 0.97)), place(rng)
    waves = max(1, round(math.exp(rng.uniform(0, math.log(most)))))

    def value(y: Array) -> Array:
        return ground * (1 + depth * np.cos(2 * np.pi * (waves * y - phase)))

    text = f"{ground!r}*(1 + {depth!r}*sp.cos(2*sp.pi*({waves}*Y - {phase!r})))"
    return Profile(text, value, (), (), waves)


def kink(rng: Random) -> Profile:
    """A coefficient whose slope jumps: an absolute value, or a maximum."""
    ground, height, centre, level = (
        size(rng, 10),
        size(rng, 100),
        place(rng),
        round(rng.uniform(-0.8, 0.8), 3),
    )
    if rng.random() < 0.5:
        text = f"{ground!r} + {height!r}*sp.Abs(sp.sin(sp.pi*(Y - {centre!r})))"
        return Profile(
            text, lambda y: ground + height * abs(np.sin(np.pi * (y - centre))), (centre,)
        )
    text = f"{ground!r} + {height!r}*(1 + sp.Max({level!r}, sp.cos(2*sp.pi*(Y - {centre!r}))))"
    reach = math.acos(level) / (2 * math.pi)
    return Profile(
        text,
        lambda y: ground + height * (1 + np.maximum(level, np.cos(2 * np.pi * (y - centre)))),
        ((centre - reach) % 1, (centre + reach) % 1),
    )


def positive(rng: Random, contrast: float = 1e4, shapes: bool = True) -> Profile:
    """Any of the profiles above, a product or a sum of two."""
    makers = (
        lambda r, c: layers(r, c, shapes=shapes),
        strip,
        tanh_layers,
        bump,
        lambda r, c: harmonic(r),
        lambda r, c: kink(r),
    )
    one = makers[int(rng.integers(len(makers)))](rng, contrast)
    if rng.random() < 0.75:
        return one
    two = makers[int(rng.integers(len(makers)))](rng, math.sqrt(contrast))
    sign = "*" if rng.random() < 0.5 else "+"

    def value(y: Array) -> Array:
        return one.value(y) * two.value(y) if sign == "*" else one.value(y) + two.value(y)

    return one.combined(f"({one.text}){sign}({two.text})", value, two)


def smooth(rng: Random, most: int = 3) -> Profile:
    """A smooth positive profile of few harmonics, for equations whose oracles are trigonometric."""
    return harmonic(rng, most)


def centred(rng: Random, profile: Profile, amplitude: float) -> Profile:
    """`profile` less its mean, of the given size: the mean is written with all its digits."""
    mean = float(mean_over(profile)(profile.value))
    top = float(mean_over(profile)(lambda y: abs(profile.value(y) - mean))) or 1.0
    factor = rounded(amplitude / top)
    return profile.combined(
        f"{factor!r}*(({profile.text}) - {mean!r})", lambda y: factor * (profile.value(y) - mean)
    )


def wave_sum(rng: Random, amplitude: float, most: int = 4) -> Profile:
    """A sum of two or three waves of zero mean."""
    terms = [
        (rounded(amplitude * rng.uniform(0.3, 1)), int(rng.integers(1, most + 1)), place(rng))
        for _ in range(int(rng.integers(1, 4)))
    ]
    text = " + ".join(f"{c!r}*sp.cos(2*sp.pi*({n}*Y - {p!r}))" for c, n, p in terms)

    def value(y: Array) -> Array:
        return sum(c * np.cos(2 * np.pi * (n * np.asarray(y) - p)) for c, n, p in terms)

    return Profile(text, value, (), (), max(n for _, n, _ in terms))
