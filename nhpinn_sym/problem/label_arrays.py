"""Labels of pixels as an array: what a user gives, or what stands in a file."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from ..runtime.arrays import AnyArray
from .errors import BackendMissingError, FileError, NhpinnError, ProblemError, shortened


def label_array(labels: object, dim: int) -> AnyArray:
    """The labels as an array of real numbers, one axis for each coordinate."""
    if isinstance(labels, (str, os.PathLike)):
        array = _read(Path(labels))
    else:
        try:
            array = np.asarray(labels)
        except ValueError as cause:
            raise ProblemError(
                "the rows of an image have different lengths",
                term=shortened(labels),
                remedy="give an array (n,) * d of labels",
            ) from cause
    if np.ma.is_masked(labels):
        raise ProblemError(
            "an image with masked pixels",
            term=f"{np.ma.count_masked(labels)} of {array.size}",
            remedy="every pixel needs a label: write array.filled(2)",
        )
    if array.dtype.kind not in "biuf":
        raise ProblemError(
            "an image is an array of real numbers",
            term=f"dtype {array.dtype}",
            remedy="give labels such as 0 and 255",
        )
    if array.ndim == dim + 1 and array.shape[-1] in (3, 4):
        raise _colours(array)
    if array.ndim != dim or not array.size:
        held = f"{array.ndim} axes" if array.size else "no pixels"
        raise ProblemError(
            f"an image of {held} on a cell of {dim} axes",
            term=f"shape {array.shape}",
            remedy=f"give an array of {dim} axes, one number a pixel",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ProblemError(
            "an image holds what is no number",
            term=f"{array[place]} at pixel {place}",
            remedy="every pixel needs a label",
        )
    return array


def _read(path: Path) -> AnyArray:
    """The array in a file; FileError where it cannot be read."""
    kind = path.suffix.lower()
    if kind not in (".npy", ".png", ".tif", ".tiff"):
        raise FileError(
            "images are read from .npy, .png and .tif files",
            term=str(path),
            remedy="convert it, or give the array itself",
        )
    try:
        found = np.load(path, allow_pickle=False) if kind == ".npy" else _pages(path)
    except NhpinnError:
        raise
    except Exception as cause:  # of any kind: readers of broken files raise what they meet
        raise _unreadable(path, cause) from cause
    if not isinstance(found, np.ndarray):
        raise _unreadable(path, "an archive of several arrays")
    return found


def _unreadable(path: Path, why: object) -> FileError:
    return FileError(
        "the file of an image cannot be read",
        term=f"{path}: {why}",
        remedy="give a .npy, .png or .tif file of gray values, or the array itself",
    )


def _colours(array: AnyArray) -> ProblemError:
    return ProblemError(
        "an image of colours",
        term=f"shape {array.shape}",
        remedy="give one channel, array[..., 0], or gray values",
    )


def _pages(path: Path) -> AnyArray:
    """The gray values of an image file, stacked where it has several pages."""
    try:
        from PIL import Image as Reader
    except ImportError as cause:
        raise BackendMissingError(
            "image files are read by pillow, which cannot be imported here",
            term=cause,
            remedy="pip install pillow, or give the array itself",
        ) from cause
    with warnings.catch_warnings(), Reader.open(path) as file:
        # Of a file that ends too early pillow drops pages, and says no more than that.
        warnings.filterwarnings("error", "(Possibly c|C)orrupt")
        pages = []
        for k in range(getattr(file, "n_frames", 1)):
            file.seek(k)
            pages.append(np.asarray(file))
    if any(page.ndim > 2 for page in pages):
        raise _colours(pages[0])
    if len(pages) == 1:
        return pages[0]
    return np.stack(pages)
