"""The classes of cell functions by the kind that a file names: the one place that knows them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ..problem.errors import FileError
from .solution import CellField

_KINDS = {
    "fourier": ("fourier.cells", "FourierField"),
    "lagrange": ("fem.common", "LagrangeField"),
    "network": ("pinn.fields", "NetworkField"),
    "separable": ("pinn.fields", "SeparableField"),
    "phases": ("pinn.fields", "PhaseField"),
    "wrapped": ("pinn.classical.cells", "WrappedField"),
    "complex": ("real_parts", "ComplexField"),
    "interpolated": ("interpolated", "InterpolatedField"),
}
"""kind: (module below nhpinn_sym.solve, class); a module is imported when one of its fields is
read.
"""


def field_data(field: CellField) -> dict[str, Any]:
    """What a file keeps of a field."""
    own = type(field)
    for kind, (module, name) in _KINDS.items():
        if own.__name__ == name and own.__module__ == f"{__package__}.{module}":
            return {**field.state(), "kind": kind}
    raise TypeError(f"{own} is not in the table of fields")


def read_field(data: Mapping[str, Any]) -> CellField:
    """The field that `field_data` came from; FileError for an unknown kind."""
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FileError(
            "no cell function is of this kind",
            term=repr(kind)[:100],
            remedy="give a file that this version of the package wrote",
        )
    module, name = _KINDS[kind]
    field_class = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    found: CellField = field_class.from_state(data)
    return found
