"""A training on disk: written atomically every few seconds, read when the same training begins
again.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...problem.errors import FileError, ProblemError
from ..data_file import Kind, read, write

_KIND = Kind("a checkpoint of a training", "a solve with checkpoint=folder")

SECONDS = 10.0
"""Between two writings of a training that goes on."""


class Checkpoint:
    """The file of one training; `signature` tells the problem and all options that its numbers
    depend on.

    writes: of several processes that train one net together, only one writes.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str, writes: bool = True) -> None:
        self.path = Path(path)
        self.signature = signature
        self.writes = writes
        self._written = time.monotonic()

    def load(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """What was saved last; None where there is no file. FileError for one that is damaged,
        ProblemError for another training's.
        """
        if not self.path.exists():
            return None
        content = read(self.path, _KIND)
        try:
            signature = content["signature"]
            saved = _tensors(content["saved"], device)
        except (KeyError, TypeError) as cause:
            raise FileError(
                "the file is no checkpoint of a training",
                term=self.path,
                remedy="name another folder: checkpoint=",
            ) from cause
        if signature != self.signature:
            raise ProblemError(
                "the checkpoint is of a training with another problem or other options",
                term=self.path,
                remedy="repeat them, or name another folder: checkpoint=",
            )
        found: dict[str, Any] = saved
        return found

    def save(self, saved: dict[str, Any], at_once: bool = False) -> None:
        """Write, where the last writing is long ago or it is to be `at_once`. saved: tensors,
        numbers, strings, None in lists and dicts.
        """
        if not self.writes or (not at_once and time.monotonic() - self._written < SECONDS):
            return
        write(self.path, _KIND, {"signature": self.signature, "saved": _arrays(saved)})
        self._written = time.monotonic()


def _arrays(value: Any) -> Any:
    """Tensors as arrays."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {name: _arrays(v) for name, v in value.items()}
    return type(value)(_arrays(v) for v in value) if isinstance(value, (list, tuple)) else value


def _tensors(value: Any, device: torch.device | str) -> Any:
    """Arrays as tensors: what `_arrays` took."""
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value, device=device)
    if isinstance(value, dict):
        return {name: _tensors(v, device) for name, v in value.items()}
    return (
        type(value)(_tensors(v, device) for v in value)
        if isinstance(value, (list, tuple))
        else value
    )


def signature_of(*parts: object) -> str:
    """sha256 of tensors and printable things."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(
            part.detach().cpu().numpy().tobytes()
            if isinstance(part, Tensor)
            else repr(part).encode()
        )
        digest.update(b"|")
    return digest.hexdigest()
