"""Golden files: emitted text is compared with what is kept under tests/golden, exactly. The order
of the tests.

After an intended change of an emitter: pytest --regenerate-golden, and read the difference before
committing it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"
LONG = ("examples", "validate")
"""Folders whose single tests take longest."""
# an example that takes long on a busy machine is no failure
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
# SymPy and torch make many objects that live to the end
gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: at the end one worker would be alone with them."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_collection_finish() -> None:
    """What is imported and collected by now lives to the end: it is no garbage."""
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """golden(name, text): the file tests/golden/`name` holds exactly `text`."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regenerate-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return check
