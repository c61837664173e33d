"""The pictures of a report as files."""

from __future__ import annotations

from collections.abc import Iterable

from ..problem.pictures import Drawing
from ..problem.printer import Printer
from ..solve.progress import Progress
from .stored_parts import Store


class PictureFiles:
    """Pictures, printed as PNG and SVG beside what is computed until they are `kept` in the folder
    of the store. Without a folder nothing is drawn.
    """

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._drawings: list[Drawing] = []
        self._printer = None if store.folder is None else Printer()

    def __enter__(self) -> PictureFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if self._printer is not None:
            self._printer.close()

    def add(self, drawings: Iterable[Drawing]) -> None:
        """Draw them now; what they show is not to be changed before `kept`."""
        if self._printer is None:
            return
        for drawing in drawings:
            self._drawings.append(drawing)
            self._printer.send(drawing.name, drawing.figure)

    def kept(self) -> list[tuple[Drawing, bytes]]:
        """What was added, each with its PNG, when all files are written."""
        if self._printer is None:
            return []
        with self._progress("plots"):
            files = self._printer.files()
        for drawing, (png, svg) in zip(self._drawings, files, strict=True):
            self._store.write(f"{drawing.name}.png", png)
            self._store.write(f"{drawing.name}.svg", svg.encode())
        return [(drawing, png) for drawing, (png, _) in zip(self._drawings, files)]
