"""Figures as files, PNG and SVG. As a program this file prints those it is sent, beside the process
that sends them: it imports matplotlib and nothing of the package.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

# Per inch, of images in SVG, which hold hardly more points than their data.
_IMAGE_DOTS = 72
# Of PNG: a third of the time of the default level, for 6 % more bytes.
_COMPRESSED = 2
# With the places of modules of the process that sends figures, whatever the folder it is in.
_COMMAND = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " runpy.run_path(sys.argv[2], run_name='__main__')"
)
Named = tuple[str, Any]
"""A picture's name and its figure."""


class Printed(NamedTuple):
    """The two files of a figure."""

    png: bytes
    svg: str


# By their canvases: `savefig` draws every picture twice.
def png(figure: Any) -> bytes:
    """Without the channel of opacity, which is full everywhere."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.save(buffer, "png", compress_level=_COMPRESSED, dpi=(figure.dpi,) * 2)
    return buffer.getvalue()


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


def printed(name: str, figure: Any) -> Printed:
    """Both files."""
    return Printed(png(figure), svg(name, figure))


class Printer:
    """Prints figures beside this process, which goes on; or here, at the end, where that fails, or
    would be in the way on a single processor.
    """

    def __init__(self) -> None:
        self._given: list[Named] = []
        self._sent: list[Future[None]] = []
        self._writer = ThreadPoolExecutor(1)
        self._process: subprocess.Popen[bytes] | None = None
        if (os.cpu_count() or 1) > 1:
            with suppress(OSError):
                self._process = _started()

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the other process, whatever it was sent."""
        self._stop()
        self._writer.shutdown()

    def send(self, name: str, figure: Any) -> None:
        """It is not to be changed before `files`."""
        self._given.append((name, figure))
        if self._process is None:
            return
        try:
            content = pickle.dumps((_settings(), name, figure))
        except (pickle.PicklingError, TypeError, AttributeError):
            self._stop()
        else:
            # By a thread: the other process reads no figure before it has printed the last one.
            self._sent.append(self._writer.submit(_write, self._process, content))

    def files(self) -> list[Printed]:
        """Those of all figures, in the order in which they were sent."""
        if self._process is not None:
            with suppress(OSError, ValueError, EOFError):  # nothing, from a process that ended
                for sent in self._sent:
                    sent.result()
                return [Printed(*one) for one in pickle.loads(self._process.communicate()[0])]
        return [printed(name, figure) for name, figure in self._given]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for sent in self._sent:
                sent.exception()  # of a pipe without a reader
            with suppress(OSError):
                process.communicate()


def _started() -> subprocess.Popen[bytes]:
    places = json.dumps([str(place) for place in sys.path])
    command = [sys.executable or "", "-I", "-c", _COMMAND, places, __file__]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def _write(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.flush()


def _settings() -> dict[str, Any]:
    """matplotlib's, but for the backend, which a look would load."""
    from matplotlib import rcParams

    return {name: rcParams[name] for name in rcParams if name != "backend"}


def _main() -> None:
    """Nothing is written before all is read: the other process would wait for this one."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg  # before the first figure is there

    found = []
    with suppress(EOFError):
        while True:
            settings, name, figure = pickle.load(sys.stdin.buffer)
            matplotlib.rcParams.update(settings)
            found.append(tuple(printed(name, figure)))
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    _main()
