"""Figures as SVG. As a program this file prints those it is sent, beside the process that sends
them: it imports matplotlib and nothing of the package.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from typing import Any

# Per inch, of images, which hold hardly more points than their data.
_IMAGE_DOTS = 72
# With the places of modules of the process that sends figures, whatever the folder it is in.
_COMMAND = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " runpy.run_path(sys.argv[2], run_name='__main__')"
)
Named = tuple[str, Any]
"""A picture's name and its figure."""


def svg(name: str, figure: Any) -> str:
    """The same text each time: without a date, and with ids that are no random ones."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    dots = figure.dpi
    figure.dpi = _IMAGE_DOTS
    try:
        with rc_context({"svg.hashsalt": name}):
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    finally:
        figure.dpi = dots
    return buffer.getvalue()


class SvgPrinter:
    """Prints figures beside this process, which draws the next ones; or here, where that fails, or
    would be in the way on a single processor.
    """

    def __init__(self) -> None:
        self._given: list[Named] = []
        self._process: subprocess.Popen[bytes] | None = None
        if (os.cpu_count() or 1) > 1:
            with suppress(OSError):
                self._process = _started()

    def __enter__(self) -> SvgPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def send(self, name: str, figure: Any) -> None:
        """It is not to be changed before `texts`."""
        self._given.append((name, figure))
        if self._process is None:
            return
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(pickle.dumps((_settings(), name, figure)))
        except (OSError, pickle.PicklingError, TypeError, AttributeError):
            self._stop()

    def texts(self) -> list[str]:
        """The figures as SVG, in the order in which they were sent."""
        if self._process is not None:
            with suppress(OSError, ValueError):  # nothing, from a process that ended
                return list(json.loads(self._process.communicate()[0]))
        return [svg(name, figure) for name, figure in self._given]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _started() -> subprocess.Popen[bytes]:
    places = json.dumps([str(place) for place in sys.path])
    command = [sys.executable or "", "-I", "-c", _COMMAND, places, __file__]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def _settings() -> dict[str, Any]:
    """matplotlib's, but for the backend, which a look would load."""
    from matplotlib import rcParams

    return {name: rcParams[name] for name in rcParams if name != "backend"}


def _main() -> None:
    """Nothing is written before all is read: the other process would wait for this one."""
    import matplotlib.backends.backend_svg  # before the first figure is there

    found = []
    with suppress(EOFError):
        while True:
            settings, name, figure = pickle.load(sys.stdin.buffer)
            matplotlib.rcParams.update(settings)
            found.append(svg(name, figure))
    print(json.dumps(found))


if __name__ == "__main__":
    _main()
