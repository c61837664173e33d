"""A training on disk: written atomically every few seconds, read when the same training begins again."""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor

from ....emit.source import write_atomic
from ....problem.errors import ProblemError

SECONDS = 10.0
"""Between two writings of a training that goes on."""


class Checkpoint:
    """The file of one training; `signature` tells the problem and all options that its numbers depend on.

    writes: of several processes that train one net together, only one writes.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str, writes: bool = True) -> None:
        self.path, self.signature, self.writes, self._written = Path(path), signature, writes, time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None where there is no file. ProblemError for one that belongs to another training."""
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, weights_only=True) if is_zipfile(self.path) else {}
            signature, saved = content["signature"], content["saved"]
        except (OSError, RuntimeError, KeyError, TypeError, UnpicklingError) as cause:
            raise ProblemError("the file is no checkpoint of a training", term=self.path, remedy="name another folder: checkpoint=") from cause
        if signature != self.signature:
            raise ProblemError("the checkpoint is of a training with another problem or other options", term=self.path,
                               remedy="repeat them, or name another folder: checkpoint=")
        found: dict[str, Any] = saved
        return found

    def save(self, saved: dict[str, Any], at_once: bool = False) -> None:
        """Write, where the last writing is long ago or it is to be `at_once`. saved: tensors, numbers, strings, None in lists and dicts."""
        if not self.writes or (not at_once and time.monotonic() - self._written < SECONDS):
            return
        buffer = io.BytesIO()
        torch.save({"signature": self.signature, "saved": saved}, buffer)
        write_atomic(self.path, buffer.getvalue())
        self._written = time.monotonic()


def signed(*parts: object) -> str:
    """sha256 of tensors and printable things."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.detach().cpu().numpy().tobytes() if isinstance(part, Tensor) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


