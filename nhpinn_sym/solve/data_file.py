"""One file of plain data: named arrays and JSON in an .npz, with a digest of all of it. Nothing in
it is ever run.

Values are None, truth values, numbers (complex and not finite ones too), strings, arrays, and
lists, tuples and dictionaries of these. `pack` puts every array once beside the JSON, `unpack` is
its inverse. The digest tells a damaged file from a sound one; it is no signature, and the readers
of what is in a file take it for data from anywhere.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib import format as npy

from ..emit.source import write_atomic
from ..problem.errors import FileError, shortened

MadeT = TypeVar("MadeT")
VERSION = 2
"""Of the format; files of version 1 held expressions and programs as text, which is not read any
more.
"""
# The key by which a JSON object is something else than a dictionary of the data.
_MARK = "#"
_NUMBERS = "biufc"
_META = "meta"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a file holds, and what writes it."""

    name: str
    writer: str


def write(path: str | os.PathLike[str], kind: Kind, value: Any) -> Path:
    """Write `value`, atomically. FileError for what is no path."""
    try:
        place = Path(path)
    except TypeError as cause:
        raise FileError(
            "this is no path of a file",
            term=shortened(path),
            remedy='write save("cells.npz")',
        ) from cause
    return write_atomic(place, pack(kind, value))


def read(path: str | os.PathLike[str], kind: Kind) -> Any:
    """What `write` wrote. FileError where the file is missing, damaged, of another kind or of
    another version.
    """
    try:
        data = Path(path).read_bytes()
    except (
        OSError,
        TypeError,
        ValueError,
    ) as cause:  # TypeError: no path; ValueError: one with a null character
        raise FileError(
            "this file cannot be read",
            term=shortened(path),
            remedy=f"give one that {kind.writer} wrote",
        ) from cause
    try:
        return unpack(kind, data)
    except FileError as error:
        raise FileError(error.what, term=path, remedy=error.remedy) from error


def read_as(path: str | os.PathLike[str], kind: Kind, make: Callable[[Any], MadeT]) -> MadeT:
    """What `make` makes of the value in a file. FileError also where that fails, by any error."""
    value = read(path, kind)
    try:
        return make(value)
    except Exception as cause:  # a file with a right digest may still hold anything
        raise FileError(
            f"this file of {kind.name} is not complete, or its parts do not fit",
            term=path,
            remedy=f"make it again: give a file that {kind.writer} wrote",
        ) from cause


def holds(path: str | os.PathLike[str], kind: Kind) -> bool:
    """Whether a file says that it is of this kind; nothing else of it is looked at."""
    try:
        meta = json.loads(str(_arrays(Path(path).read_bytes())[_META]))
        return bool(meta.get("kind") == kind.name)
    except Exception:  # bytes from anywhere, as in `unpack`: `read` says what is wrong
        return False


def pack(kind: Kind, value: Any) -> bytes:
    """The bytes of a file."""
    arrays: dict[str, np.ndarray] = {}
    meta = {"kind": kind.name, "version": VERSION, "value": _encoded(value, arrays, {})}
    text = json.dumps(meta, allow_nan=False)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **{_META: np.array(text), "digest": np.array(_digest(text, arrays))})
    return buffer.getvalue()


def unpack(kind: Kind, data: bytes) -> Any:
    """The value in the bytes of a file of this kind."""
    again = f"make it again: give a file that {kind.writer} wrote"
    try:
        arrays = _arrays(data)
        text = str(arrays.pop(_META))
        digest = arrays.pop("digest", None)
        meta = json.loads(text)
        version = meta.get("version")
        found = meta.get("kind", "")
    except (
        Exception
    ) as cause:  # bytes from anywhere: readers of zip, npy and JSON raise what they like
        raise FileError(
            f"this is not a file of {kind.name}, or it is damaged", remedy=again
        ) from cause
    if version != VERSION:
        raise FileError(
            f"this is a file of another version of the package (format {version or 1}, read is"
            f" {VERSION})",
            remedy=again,
        )
    if digest is None or str(digest) != _digest(text, arrays):
        raise FileError("this file is damaged", remedy=again)
    if found != kind.name:
        raise FileError(f"this is a file of {found}, not of {kind.name}", remedy=again)
    try:
        return _decoded(meta["value"], arrays)
    except Exception as cause:  # as above: a sound file may still hold anything
        raise FileError(f"this is not a file of {kind.name}", remedy=again) from cause


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"|{name}|{_described(arrays[name])}|".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _described(array: np.ndarray) -> str:
    return f"{array.dtype.str}|{array.shape}"


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    """The members of an .npz as it was written: not compressed, of numbers, or of text where they
    have no axes.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            if item.compress_type != zipfile.ZIP_STORED:
                raise ValueError("a member is compressed")
            arrays[item.filename.removesuffix(".npy")] = _array(archive.read(item))
    return arrays


def _array(data: bytes) -> np.ndarray:
    """One member. The size is compared with what the header says before an array of that size is
    made.
    """
    stream = io.BytesIO(data)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("another version of the .npy format")
    shape, _, dtype = npy.read_array_header_1_0(stream)
    text = dtype.kind == "U" and shape == ()
    if dtype.hasobject or not (text or dtype.kind in _NUMBERS):
        raise ValueError("neither numbers nor a text")
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("the header does not fit the data")
    stream.seek(0)
    return np.asarray(npy.read_array(stream, allow_pickle=False))


def _encoded(value: Any, arrays: dict[str, np.ndarray], known: dict[tuple[str, bytes], str]) -> Any:
    """`value` as JSON; arrays go to `arrays`, equal ones once (`known`)."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        return _encoded(value.item(), arrays, known)
    if isinstance(value, (int, float)):
        if math.isfinite(value):
            return value
        return {_MARK: "float", "value": repr(float(value))}
    if isinstance(value, complex):
        return {
            _MARK: "complex",
            "value": [_encoded(v, arrays, known) for v in (value.real, value.imag)],
        }
    if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
        return {_MARK: "array", "value": _kept(value, arrays, known)}
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return {_MARK: "texts", "value": value.tolist()}
    if isinstance(value, np.ndarray):
        return _encoded(value.tolist(), arrays, known)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _encoded(
            {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, arrays, known
        )
    if isinstance(value, list):
        return [_encoded(v, arrays, known) for v in value]
    if isinstance(value, tuple):
        return {_MARK: "tuple", "value": [_encoded(v, arrays, known) for v in value]}
    if isinstance(value, Mapping):
        return _mapping(value, arrays, known)
    return str(value)


def _mapping(
    value: Mapping[Any, Any], arrays: dict[str, np.ndarray], known: dict[tuple[str, bytes], str]
) -> Any:
    """A dictionary, as a list of pairs where its keys are no plain strings."""
    if all(isinstance(key, str) and key != _MARK for key in value):
        return {key: _encoded(v, arrays, known) for key, v in value.items()}
    pairs = [[_encoded(key, arrays, known), _encoded(v, arrays, known)] for key, v in value.items()]
    return {_MARK: "dict", "value": pairs}


def _kept(
    array: np.ndarray, arrays: dict[str, np.ndarray], known: dict[tuple[str, bytes], str]
) -> str:
    """The name of an array in the file."""
    solid = np.ascontiguousarray(array).reshape(array.shape)
    key = _described(solid), hashlib.sha256(solid.tobytes()).digest()
    if key not in known:
        known[key] = f"array_{len(known)}"
        arrays[known[key]] = solid
    return known[key]


def _decoded(data: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(data, list):
        return [_decoded(v, arrays) for v in data]
    if not isinstance(data, dict):
        return data
    if _MARK not in data:
        return {key: _decoded(v, arrays) for key, v in data.items()}
    kind = data[_MARK]
    value = data["value"]
    if kind == "float":
        return float(value)
    if kind == "complex":
        real, imaginary = (_decoded(v, arrays) for v in value)
        return complex(real, imaginary)
    if kind == "array":
        return arrays[value]
    if kind == "texts":
        return np.array(value, dtype=str)
    if kind == "tuple":
        return tuple(_decoded(v, arrays) for v in value)
    if kind == "dict":
        return {_decoded(key, arrays): _decoded(v, arrays) for key, v in value}
    raise ValueError(f"unknown data {kind!r}")
