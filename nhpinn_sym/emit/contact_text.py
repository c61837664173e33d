"""Where cell functions may jump, and by what: functions of numpy, the same for all libraries."""

from __future__ import annotations

from ..lower.forms import LoweredCells
from .numpy_printer import BroadcastPrinter
from .skfem_text import CoefficientSet


def contact_constants(lowered: LoweredCells) -> dict[str, str]:
    """What `runtime.contact` asks of a file; nothing without contacts."""
    if not lowered.contacts:
        return {}
    vectors = tuple(tuple(float(e) for e in row) for row in lowered.vectors)
    return {
        "CONTACTS": repr(len(lowered.contacts)),
        "DIM": repr(len(lowered.coordinates)),
        "VECTORS": repr(vectors),
    }


def contact_functions(lowered: LoweredCells, printer: BroadcastPrinter) -> list[str]:
    """`sides` and `contacts`; nothing without contacts."""
    if not lowered.contacts:
        return []
    inside = {str(k): c.inside for k, c in enumerate(lowered.contacts)}
    stiffness = {
        f"{k}_{i}_{j}": entry
        for k, c in enumerate(lowered.contacts)
        for i, row in enumerate(c.stiffness)
        for j, entry in enumerate(row)
        if entry != 0
    }
    sides = CoefficientSet(printer, lowered.coordinates)
    contacts = CoefficientSet(printer, (*lowered.coordinates, *lowered.normal))
    return [
        sides.table("sides", "1 inside of the shape of each contact.", inside),
        contacts.table("contacts", "K_ij of each contact, at points and normals.", stiffness),
    ]
