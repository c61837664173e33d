"""The parts of the whole run, what each depends on, and the results file that says it is done.

A part is one training, or what needs none. Its file holds its settings; a file with the same
settings is taken, so that an interrupted run, or one begun elsewhere, goes on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import arguments
import experiments
from cases import Case, cases
from experiments import Measured, Results
from settings import Training, tested_nodes, trainings

PARTS = (
    "reference",
    "library",
    "arguments",
    "classical",
    "energy",
    "plain",
    "cells",
    "homogenized",
    "transfer",
)
_NEEDS = {"homogenized": ("cells",), "transfer": ("homogenized",)}
COARSE = "coarse_elements"
"""The one part that belongs to no case."""


@dataclass(frozen=True)
class Part:
    """One part: `settings` is what its numbers depend on, as plain JSON; `cost` its epochs times
    points.
    """

    case: str | None
    name: str
    settings: Mapping[str, Any]
    training: Training | None = None
    cost: float = 0.0

    @property
    def key(self) -> str:
        return self.name if self.case is None else f"{self.case}_{self.name}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the parts whose results it takes."""
        return tuple(f"{self.case}_{name}" for name in _NEEDS.get(self.name, ()))


def all_parts(quick: bool, seed: int) -> dict[str, Part]:
    """Every part by its key, in the order of the page."""
    parts = [Part(None, COARSE, {})]
    for case in cases().values():
        parts += _parts_of(case, quick, seed)
    return {part.key: part for part in parts}


def _parts_of(case: Case, quick: bool, seed: int) -> Iterator[Part]:
    own = trainings(case.key, quick)
    if "cells" in own:
        own["transfer"] = own["classical"]
    settings: dict[str, dict[str, Any]] = {}
    for name in PARTS:
        training = own.get(name)
        if training is None and not _is_untrained(name, case):
            continue
        settings[name] = {"test_nodes": tested_nodes(case.test_nodes, case.dim, quick)}
        if name == "library":
            settings[name]["seed"] = seed
        if training is not None:
            settings[name] |= {"seed": seed + case.seed, "training": _plain(training)}
        for needed in _NEEDS.get(name, ()):
            settings[name][needed] = settings[needed]
        yield Part(case.key, name, settings[name], training, _cost(case, training))


def _is_untrained(name: str, case: Case) -> bool:
    """Whether the case has this part, which trains nothing in the paper's way."""
    return name in ("reference", "library") or (name == "arguments" and case.section in ARGUMENTS)


def _plain(training: Training) -> dict[str, Any]:
    """As JSON gives it back; what is only said about a training does not belong to its key."""
    fields = asdict(replace(training, chosen=()))
    del fields["chosen"]
    return json.loads(json.dumps(fields))


def _cost(case: Case, training: Training | None) -> float:
    if training is None:
        return 0.0
    axes = case.dim + (case.problem.final_time is not None and training.oversampling is None)
    nets = training.slow_nodes or (case.dim if training.oversampling is not None else 1)
    return float(training.epochs * training.nodes**axes * nets)


def load(part: Part, results: Path) -> dict[str, Any] | None:
    """The content of the results file of a part; None where there is none with its settings."""
    try:
        content = json.loads(_file(part, results).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content if content["settings"] == part.settings else None


def compute(part: Part, results: Path, checkpoints: Path, earlier: Results) -> str:
    """Compute a part and write its results file; its key. A training that was killed goes on from
    its checkpoint, which is removed once the file is there.
    """
    checkpoint = checkpoints / f"{part.key}_{_digest(part.settings)}"
    measured = _computed(part, checkpoint, earlier)
    content = {"settings": part.settings, **_filled(measured), "versions": _versions()}
    _write(_file(part, results), content)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return part.key


def _digest(settings: Mapping[str, Any]) -> str:
    """Of the settings: a checkpoint of other settings is left alone."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def _computed(part: Part, checkpoint: Path, earlier: Results) -> Measured:
    if part.case is None:
        return Measured(values=arguments.coarse_elements())
    case = replace(cases()[part.case], test_nodes=part.settings["test_nodes"])
    seed = part.settings.get("seed", 0)
    if part.name == "reference":
        return experiments.reference(case)
    if part.name == "arguments":
        return Measured(values=ARGUMENTS[case.section](case))
    if part.name == "library":
        return experiments.library(case, seed, "energy" in trainings(case.key, False))
    known = {name: earlier[f"{part.case}_{name}"] for name in _NEEDS.get(part.name, ())}
    train = partial(_EXPERIMENTS[part.name], case, part.training, seed, checkpoint)
    return train(earlier=known) if known else train()


ARGUMENTS: Mapping[str, Callable[[Case], dict[str, Any]]] = {
    "5.2": arguments.effective_2d,
    "5.3": arguments.reference_of_elements,
    "5.4": arguments.differences_in_time,
}
_EXPERIMENTS: Mapping[str, Callable[..., Measured]] = {
    "classical": experiments.classical,
    "energy": partial(experiments.classical, quantity="energy", form="energy"),
    "plain": partial(experiments.cells, suffix=" plain"),
    "cells": experiments.cells,
    "homogenized": experiments.homogenized,
    "transfer": experiments.transfer,
}


def _filled(measured: Measured) -> dict[str, Any]:
    return {name: value for name, value in asdict(measured).items() if value}


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("torch", "numpy", "scikit-fem")}


def _file(part: Part, results: Path) -> Path:
    return results / f"{part.key}.json"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Atomically: a file that is there is whole. Lists of numbers stand on one line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {json.dumps(name)}: {_text(value)}" for name, value in content.items()]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    temporary.replace(path)


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return json.dumps(value)
    lines = [f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items()]
    return "{\n" + ",\n".join(lines) + "\n  }" if lines else "{}"
