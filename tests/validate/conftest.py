"""Pictures are printed by the process of the tests: another one for every validation would import
matplotlib each time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nhpinn_sym.problem import printer


@pytest.fixture(scope="module", autouse=True)
def _printed_here() -> Iterator[None]:
    def refused() -> None:
        raise OSError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printer, "_started", refused)
        yield
