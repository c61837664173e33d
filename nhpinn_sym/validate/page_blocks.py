"""What a page is made of: sections of blocks, each of a kind that the template knows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from .mathml import mathml

# Where a PNG has its width, and that of one panel at most, in pixels.
_WIDTH = slice(16, 20)
_ONE_PANEL = 900

TableCell = str | Markup
"""Text, which is escaped, or what is HTML already."""


@dataclass(frozen=True)
class Paragraph:
    """A sentence."""

    text: TableCell
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Heading:
    """The title of what follows within a section."""

    text: TableCell
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Equations:
    """MathML on lines of its own."""

    mathematics: Markup
    kind: ClassVar[str] = "equations"


@dataclass(frozen=True)
class TableBlock:
    """A table; `numeric` are the columns of numbers."""

    title: TableCell
    header: tuple[TableCell, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    numeric: tuple[int, ...] = ()
    kind: ClassVar[str] = "grid"


@dataclass(frozen=True)
class Picture:
    """A picture that lies in the page itself."""

    name: str
    caption: TableCell
    png: bytes = field(repr=False)
    kind: ClassVar[str] = "picture"

    @property
    def panels(self) -> bool:
        """Whether there are several side by side, which a phone does not show at its width."""
        return int.from_bytes(self.png[_WIDTH], "big") > _ONE_PANEL

    @property
    def address(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True)
class Listing:
    """Text of a program, folded in where it is long."""

    title: TableCell
    text: str
    folded: bool = True
    kind: ClassVar[str] = "listing"


PageBlock = Paragraph | Heading | Equations | TableBlock | Picture | Listing


@dataclass(frozen=True)
class Section:
    """A part of the page; `name` is its address."""

    name: str
    title: str
    blocks: tuple[PageBlock, ...]


def page_table(table: Table) -> TableBlock:
    """A table for terminals as one of the page."""
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    numeric = [k for k, column in enumerate(table.columns) if column.justify == "right"]
    return TableBlock(
        _plain(table.title or ""),
        tuple(_plain(column.header) for column in table.columns),
        tuple(zip(*columns, strict=True)),
        tuple(numeric),
    )


def page_pairs(title: TableCell, rows: Sequence[tuple[TableCell, TableCell]]) -> TableBlock:
    """A table of names and values."""
    return TableBlock(title, (), tuple(rows))


def states_table(states: Mapping[str, Sequence[Any]]) -> TableBlock:
    """Macroscopic states by their numbers: values and gradients, one row a state."""
    rows = []
    for number, values in enumerate(zip(*states.values()), start=1):
        cells = [", ".join(f"{v:.4g}" for v in np.ravel(value)) for value in values]
        rows.append((str(number), *cells))
    return TableBlock("macroscopic states", ("state", *states), tuple(rows))


def inline_formula(latex: str) -> Markup:
    """A formula in a line of text."""
    return mathml(latex)


def _plain(cell: object) -> str:
    if isinstance(cell, Text):
        return cell.plain
    return str(cell)
