"""Pictures of what is no solution: local fields, laws, waves, families of coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ..problem.errors import ProblemError
from ..problem.pictures import COLOURS, SEQUENTIAL, TITLE, Drawing, Sheet, curves, symbol

if TYPE_CHECKING:
    from .dispersion import Dispersion
    from .families import CellFamily
    from .law.law_states import LawStates
    from .law.stability import Stability
    from .local_fields import LocalFields

# Values of a parameter, and macroscopic gradients, of one curve.
_ALONG = 61
_STATES = 25
# Of the largest gradient, where the slope is taken.
_NEAR = 1e-3
# Share of the elements whose sizes make the scale, where the largest one is so many times theirs.
_USUAL = 0.995
_PEAK = 2.0
# Largest eps |k| of a picture.
_WAVES = 2.0
# Corners of an element of the plane, by the number of its nodes: triangles and quadrilaterals.
_CORNERS = {3: 3, 6: 3, 4: 4, 8: 4, 9: 4}


def draw_local_fields(fields: LocalFields) -> Drawing:
    """|flux| in each element of a cell of two axes, one cell. ProblemError for others."""
    nodes, elements = fields.cell.nodes, fields.cell.elements
    if nodes.shape[1] != 2:
        raise ProblemError(
            "local fields of a cell that is no plane one as a picture",
            term=f"{nodes.shape[1]} axes",
            remedy="write them for ParaView: .to_vtu(path)",
        )
    from matplotlib.collections import PolyCollection

    sizes = np.linalg.norm(fields.flux.reshape(len(fields.flux), -1), axis=1)
    corners = nodes[elements[:, : _CORNERS[elements.shape[1]]]]
    sheet = Sheet(1, 1, (5.2, 4.4))
    axes = sheet.at(0, 0)
    means = fields.cell.means(sizes)
    image = PolyCollection(corners, array=means, cmap=SEQUENTIAL, lw=0.4)
    image.set_clim(means.min(), _top(means))
    image.set_edgecolor("face")  # no seams between elements
    image.set_snap(False)  # nor specks in the place of small ones
    axes.add_collection(image)
    axes.set_xlim(nodes[:, 0].min(), nodes[:, 0].max())
    axes.set_ylim(nodes[:, 1].min(), nodes[:, 1].max())
    axes.set_aspect("equal")
    axes.set_title(r"$|\sigma|$", **TITLE)
    axes.set_xlabel("$y_1$")
    axes.set_ylabel("$y_2$")
    sheet.bar(image, axes)
    peaks = (
        "" if image.get_clim()[1] == means.max() else f"; above the scale up to {means.max():.3g}"
    )
    return sheet.drawing("local_fields", f"The size of the flux in one cell{peaks}.")


def _top(values: np.ndarray) -> float:
    """The upper end of their scale: peaks at corners, if they are few, would darken all others."""
    most, usual = float(values.max()), float(np.quantile(values, _USUAL))
    return usual if most > _PEAK * usual else most


def draw_law(law: LawStates, reach: float, known: Mapping[str, ArrayLike]) -> Drawing:
    """The components of the flux at gradients up to `reach` along the first axis, and those of the
    tangent at the smallest ones.
    """
    state = law.model.state
    direction = np.zeros((state.components, state.dim))
    direction[0, 0] = 1.0
    size = np.linspace(-reach, reach, _STATES)

    def component(s: float) -> float:
        return float(_one(law, s * direction, known, state.components)[0, 0])

    flux = np.array([component(s) for s in size])
    near = _NEAR * reach
    slope = (component(near) - component(-near)) / (2 * near)
    held = {r"$\sigma_{11}$" if state.components > 1 else r"$\sigma_1$": flux}
    held["slope at zero"] = flux[_STATES // 2] + slope * size
    sheet = Sheet(1, 1, (6.4, 4.2))
    gradient = r"$\partial_{x_1} v_1$" if state.components > 1 else r"$\partial_{x_1} u_0$"
    curves(sheet.at(0, 0), size, held, "effective flux", gradient)
    return sheet.drawing("law", "The effective flux along a gradient, beside its slope at zero.")


def _one(
    law: LawStates, gradient: np.ndarray, known: Mapping[str, Any], components: int
) -> np.ndarray:
    """(m, d): the flux at one gradient."""
    given = gradient if components > 1 else gradient[0]
    return np.asarray(cast("Any", law).flux(grad=given, **known)).reshape(gradient.shape)


def draw_family(family: CellFamily, name: str) -> Drawing:
    """The entries of an effective coefficient over the first parameter, the others in the middle of
    their ranges.
    """
    (parameter, low, high), *others = family.over
    fixed = {p: (a + b) / 2 for p, a, b in others}
    line = np.linspace(low, high, _ALONG)
    values = [np.asarray(family.at(**{parameter: v, **fixed}).effective[name]) for v in line]
    table = np.stack(values)
    largest = np.abs(table).max()
    held = {}
    for index in np.ndindex(table.shape[1:]):
        entry = np.moveaxis(table, 0, -1)[index]
        if np.abs(entry).max() > 1e-12 * largest:
            held[f"${name}_{{{''.join(str(i + 1) for i in index)}}}$"] = entry
    sheet = Sheet(1, 1, (6.4, 4.2))
    curves(sheet.at(0, 0), line, held, symbol(name), symbol(parameter))
    return sheet.drawing("family", f"The entries of {name} over {parameter}.")


def draw_stability(found: Stability) -> Drawing:
    """beta over |k| of every sampled wavevector, the least one marked; zero is a line."""
    lengths, values = np.array([*found.sampled, (np.linalg.norm(found.wavevector), found.beta)]).T
    sheet = Sheet(1, 1, (6.4, 4.2))
    axes = sheet.at(0, 0)
    axes.axhline(0, color="0.5", lw=1)
    axes.plot(lengths[:-1], values[:-1], "o", ms=4, color=COLOURS[0], label="sampled $k$")
    axes.plot(lengths[-1:], values[-1:], "D", ms=7, color=COLOURS[1], label="the least")
    axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
    axes.set_title("stable" if found.stable else "not stable", **TITLE)
    axes.set_xlabel("$|k|$")
    axes.set_ylabel(r"$\beta(k)$")
    return sheet.drawing(
        "stability", "beta of the sampled Bloch waves: stable where it is positive."
    )


def draw_dispersion(waves: Dispersion) -> Drawing:
    """The phase velocity along each axis, of the Boussinesq form beside that without dispersion."""
    size = np.linspace(0, _WAVES, _ALONG + 1)[1:]
    held = {}
    for axis in range(len(waves.A)):
        k = size[:, None] * np.eye(len(waves.A))[axis]
        held[f"along $x_{axis + 1}$"] = waves.frequency(k, 1.0) / size
        held[f"its limit, $x_{axis + 1}$"] = waves.frequency(k, 1.0, "leading") / size
    sheet = Sheet(1, 1, (6.4, 4.2))
    curves(sheet.at(0, 0), size, held, r"phase velocity $\omega/|k|$", r"$\varepsilon |k|$")
    return sheet.drawing("dispersion", "The phase velocity of effective waves, Boussinesq's form.")
