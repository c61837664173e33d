"""Know the data before solving: breaks, features, means and bounds of coefficients and sources,
from their symbols.

Every backend takes its meshes from here and is judged by what is known here. Open `problems` first
(what the data of cells, equations, slow variables and times ask for), then `resolve` (one axis
after the other). `interface_meshes` fits meshes to the interfaces of a cell, `region_outlines` says
what those of a plane region fit. `bounds` holds Voigt-Reuss and trace bounds, `data_error` what a
quadrature misses of the data; the judge of a sequence of meshes, grids or nets is `runtime.levels`.
"""

from ..operator.numbers.integrate import integrate
from .bounds import Enclosure, voigt_reuss
from .data_error import quadrature_error
from .problems import resolve_along, resolve_cells, resolve_equation, resolve_slow, resolve_time
from .resolve import AxisResolution, Resolution, resolve

__all__ = [
    "AxisResolution",
    "Enclosure",
    "Resolution",
    "integrate",
    "quadrature_error",
    "resolve",
    "resolve_along",
    "resolve_cells",
    "resolve_equation",
    "resolve_slow",
    "resolve_time",
    "voigt_reuss",
]
