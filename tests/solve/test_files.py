"""Files are data: hostile ones run nothing, damaged ones are typed errors, all of `info` comes
back.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import nhpinn_sym as nh
from nhpinn_sym.problem.errors import FileError, NhpinnError, OutputPathError, UnsupportedError
from nhpinn_sym.solve import data_file
from nhpinn_sym.solve.data_file import Kind, pack, unpack
from nhpinn_sym.solve.expression_data import expression_data, read_expression, read_formula

KIND = Kind("things", "write")
CELLS = Kind("solved cells", "cells.save(path)")
x, q = sp.Symbol("x", real=True), sp.Symbol(r"\xi", positive=True)


def layered(backend: str = "fourier", **options: Any) -> nh.CellSolution:
    s = nh.Scales(1)
    u = s.unknown("u")
    a = (
        sp.Piecewise((1, s.y[0] < sp.Rational(1, 2)), (3, True))
        if backend == "pinn"
        else 2 + sp.sin(2 * sp.pi * s.y[0])
    )
    return nh.solve_cells(
        nh.homogenize(nh.MultiscaleProblem(sp.Eq(-s.div(a * s.grad(u)), 1), scales=s, unknown=u)),
        backend,
        **options,
    )


@pytest.fixture(scope="module")
def smooth() -> nh.CellSolution:
    return layered()


@pytest.fixture(scope="module")
def phased() -> nh.CellSolution:
    return layered("pinn", features=24, tolerance=1.0)


@pytest.mark.parametrize(
    "expr",
    [
        x**2 + sp.Rational(1, 3) * q - sp.pi,
        sp.Float("0.1") * sp.exp(-x) / (1 + q),
        sp.sqrt(2) + sp.E * sp.I,
        sp.Piecewise(
            (sp.Integer(0), sp.And(x > 0, x <= q)),
            (sp.floor(x), sp.Or(x > 3, ~(q > 1))),
            (sp.Integer(2), True),
        ),
        sp.Heaviside(x - 1) * sp.Max(x, q, 0) + sp.atan2(x, q),
        sp.besselj(1, x),
        sp.Float("1.5", 40) * x,
        sp.Add(x, sp.Integer(0), evaluate=False),
        sp.Float("-1e-300"),
        sp.Integer(10) ** 50 * x,
    ],
)
def test_an_expression_comes_back_as_the_same_tree(expr: sp.Expr) -> None:
    again = read_expression(json.loads(json.dumps(expression_data(expr))))
    assert again == expr and str(again) == str(expr)


def test_what_has_no_form_in_a_file_is_refused_when_it_is_written() -> None:
    for expr in (
        sp.Function("f")(x),
        sp.Integral(sp.sin(sp.sin(x)), x),
        sp.Symbol("n") * sp.Dummy(),
    ):
        with pytest.raises(UnsupportedError):
            expression_data(expr)


@pytest.mark.parametrize(
    "data",
    [
        "x",
        None,
        [],
        ["Symbol"],
        ["Symbol", "x", {"evil": True}],
        ["Symbol", "x", {"zero": True, "positive": True}],
        ["Symbol", 3, {}],
        ["Integer", "__import__('os')"],
        ["Integer", 3],
        ["Float", "nan", 53],
        ["Float", "1e99999", 53],
        ["Rational", "1", "0"],
        ["Lambda", ["Symbol", "x", {}]],
        ["sympify", "1"],
        ["Function", "system"],
        ["eval", "1"],
        [["Add"], "x"],
        ["Add", "x"],
        ["Pow", ["Integer", "10"], ["Integer", "100000000"]],
        ["sin"],
        ["Piecewise", ["Integer", "1"]],
        ["Not", ["Integer", "2"]],
        ["Pow", ["Pow", ["Integer", "2"], ["Integer", "10000"]], ["Integer", "10000"]],
        ["Add", [["x"]]],
        {"Add": []},
    ],
)
def test_what_is_no_expression_is_refused(data: Any) -> None:
    with pytest.raises(FileError):
        read_expression(data)


def test_a_formula_has_no_other_symbols_than_its_coordinates() -> None:
    with pytest.raises(FileError):
        read_formula(expression_data(sp.Symbol("__import__('os').getcwd()") + x), (x,))


VALUES: dict[str, Any] = {
    "numbers": (1, 2.5, -math.inf, 1e300, True, None, 1 + 2j, np.float64(0.1), np.int64(7)),
    "text": "a\n\"'\x00\u03be",
    "nested": {"a": [1, (2, [3])], (0, 1): {"b": ()}, "#": "mark"},
    "array": np.arange(6.0).reshape(2, 3),
    "empty": np.zeros((0, 3)),
    "complex": np.array([1j]),
    "scalar": np.array(2.0),
    "texts": np.array(["a", "bc"]),
}


def test_values_come_back_with_their_types() -> None:
    again = unpack(KIND, pack(KIND, VALUES))
    assert again["numbers"] == (1, 2.5, -math.inf, 1e300, True, None, 1 + 2j, 0.1, 7)
    assert again["text"] == VALUES["text"] and again["nested"] == VALUES["nested"]
    for name in ("array", "empty", "complex", "scalar", "texts"):
        assert again[name].dtype == VALUES[name].dtype and np.array_equal(again[name], VALUES[name])
    assert math.isnan(unpack(KIND, pack(KIND, math.nan)))


def test_equal_arrays_are_kept_once() -> None:
    data = pack(KIND, [np.ones(5000), np.ones(5000), np.zeros(5000)])
    assert len(data) < 2.2 * 5000 * 8


def rewritten(path: Path, change: Any, digest: bool = True) -> None:
    """Change the JSON of a file; with a right digest, as an attacker would."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    arrays.pop("digest")
    change(meta)
    text = json.dumps(meta)
    told = data_file._digest(text, arrays) if digest else "0"
    np.savez(path, **arrays, meta=np.array(text), digest=np.array(told))


def touching(marker: Path) -> str:
    return f"__import__('pathlib').Path({str(marker)!r}).touch()"


def test_a_hostile_formula_or_name_runs_nothing(phased: nh.CellSolution, tmp_path: Path) -> None:
    marker, code = tmp_path / "marker", touching(tmp_path / "marker")
    symbol = ["Symbol", code, {}]

    def replaced(data: Any) -> Any:
        """Every string that could be code, replaced."""
        if isinstance(data, str):
            return code
        if isinstance(data, list):
            return [replaced(v) for v in data]
        return (
            {key: replaced(value) for key, value in data.items()}
            if isinstance(data, dict)
            else data
        )

    def fields(meta: Any) -> list[Any]:
        return meta["value"]["fields"]

    def kind(meta: Any) -> None:
        fields(meta)[0][0]["kind"] = "os.system"

    def selector(meta: Any) -> None:
        fields(meta)[0][0]["selector"] = symbol

    def text(meta: Any) -> None:
        fields(meta)[0][0]["selector"] = code

    def all_strings(meta: Any) -> None:
        meta["value"] = replaced(meta["value"])

    def entries(meta: Any) -> None:
        for _, entry in (pair["value"] for pair in meta["value"]["entries"]):
            entry["formula"] = symbol

    def own_name(meta: Any) -> None:
        field = fields(meta)[0][0]
        field["selector"] = json.loads(
            json.dumps(field["selector"]).replace('"y1"', json.dumps(code))
        )
        field["coordinates"] = json.loads(
            json.dumps(field["coordinates"]).replace('"y1"', json.dumps(code))
        )

    for change in (kind, selector, text, all_strings, entries, own_name):
        path = phased.save(tmp_path / "cells.npz")
        rewritten(path, change)
        try:
            cells = nh.load(path)
            cells.functions[0]([[0.3], [0.8]])
            np.asarray(cells.effective["A"])
        except NhpinnError:
            assert change is not own_name
        assert not marker.exists()


def test_files_of_the_first_format_are_to_be_made_again(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    meta = {
        "backend": "pinn",
        "forms": [],
        "entries": [["A", [0, 0], [], [[], 0, []], [1, 0, [], 0, []], touching(marker), "Tuple()"]],
    }
    np.savez(
        tmp_path / "old.npz",
        meta=np.array(json.dumps(meta)),
        **{"field_0_0/text_0": np.array(touching(marker))},
    )
    with pytest.raises(FileError, match=r"format 1, read is 2(.|\n)*make it again"):
        nh.load(tmp_path / "old.npz")
    assert not marker.exists()


def test_pickles_are_not_read(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "marker",))

    np.savez(tmp_path / "evil.npz", meta=np.array([Evil()], dtype=object))
    with pytest.raises(FileError):
        nh.load(tmp_path / "evil.npz")
    np.save(tmp_path / "one.npy", np.array([Evil()], dtype=object))
    with pytest.raises(FileError):
        nh.load(tmp_path / "one.npy")
    assert not (tmp_path / "marker").exists()


def test_archives_that_grow_or_lie_about_their_size(
    smooth: nh.CellSolution, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.npy", b"\x00" * 10**6)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (10**12,), "fortran_order": False, "descr": "<f8"}
    )
    with zipfile.ZipFile(tmp_path / "large.npz", "w") as archive:
        archive.writestr("meta.npy", header.getvalue())
    for name in ("bomb", "large"):
        with pytest.raises(FileError):
            nh.load(tmp_path / f"{name}.npz")


def test_parts_that_do_not_fit_are_a_typed_error(smooth: nh.CellSolution, tmp_path: Path) -> None:
    def without(name: str) -> Any:
        return lambda meta: meta["value"].pop(name)

    def other(name: str, value: Any) -> Any:
        return lambda meta: meta["value"].update({name: value})

    changes = [without(name) for name in ("fields", "entries", "nodes", "info", "forms")]
    changes += [
        other("components", 2),
        other("fields", [[{"kind": "lagrange"}]]),
        other("entries", 3),
        other("nodes", {}),
        other("slow", 5),
        other("fields", [[{"kind": ["a"]}]]),
        other("entries", [None]),
    ]
    for change in changes:
        path = smooth.save(tmp_path / "cells.npz")
        rewritten(path, change)
        with pytest.raises(FileError):
            nh.load(path)
    path = smooth.save(tmp_path / "cells.npz")
    rewritten(path, lambda meta: None, digest=False)
    with pytest.raises(FileError, match="damaged"):
        nh.load(path)
    for nowhere in ("nul\x00l.npz", tmp_path, None, 5.5, tmp_path / ("a" * 400)):
        with pytest.raises(FileError):
            nh.load(nowhere)  # type: ignore[arg-type]
    for unwritable in ("nul\x00l.npz", None, 5.5, tmp_path / ("a" * 400), path / "below"):
        with pytest.raises((OutputPathError, FileError)):
            smooth.save(unwritable)  # type: ignore[arg-type]


def same(one: nh.CellSolution, other: nh.CellSolution) -> bool:
    y = np.array([[0.1], [0.7]])
    pairs = zip(one.functions, other.functions, strict=True)
    functions = all(np.allclose(f(y), g(y), rtol=1e-12, atol=1e-14) for f, g in pairs)
    return functions and np.array_equal(one.effective["A"], other.effective["A"])


@pytest.mark.parametrize("which", ["smooth", "phased"])
def test_damaged_bytes_are_a_typed_error_or_the_right_values(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cells = request.getfixturevalue(which)
    sound, path = cells.save(tmp_path / "sound.npz").read_bytes(), tmp_path / "cells.npz"

    @settings(max_examples=120, database=None, derandomize=True)
    @given(
        st.lists(
            st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255)), min_size=1, max_size=4
        ),
        st.booleans(),
        st.integers(0, len(sound)),
    )
    def damaged(changes: list[tuple[int, int]], cut: bool, length: int) -> None:
        data = bytearray(sound)
        for place, value in changes:
            data[place] = value
        path.write_bytes(bytes(data[:length] if cut else data))
        try:
            again = nh.load(path)
        except FileError:
            return
        assert same(again, cells)

    damaged()


def test_files_of_families(tmp_path: Path) -> None:
    """Of another kind, incomplete, damaged."""
    p = sp.Symbol("p")
    s = nh.Scales(1)
    u = s.unknown("u")
    problem = nh.MultiscaleProblem(
        sp.Eq(-s.div((2 + p * sp.sin(2 * sp.pi * s.y[0])) * s.grad(u)), 1),
        scales=s,
        unknown=u,
        parameters={p: (0, 1)},
    )
    path = nh.solve_family(nh.homogenize(problem), "fourier").save(tmp_path / "family.npz")
    sound, expected = path.read_bytes(), float(nh.load_family(path).effective["A"](p=0.5)[0, 0])
    for wrong in (3, [[["p", "x", 1]], ["p"]], [[], 2], None):
        path.write_bytes(sound)
        rewritten(path, lambda meta, wrong=wrong: meta["value"].update(family=wrong))
        with pytest.raises(NhpinnError):
            nh.load_family(path)
    generator = np.random.default_rng(1)
    for _ in range(60):
        data = bytearray(sound)
        data[generator.integers(len(data))] = generator.integers(256)
        path.write_bytes(bytes(data))
        try:
            assert float(nh.load_family(path).effective["A"](p=0.5)[0, 0]) == expected
        except FileError:
            continue


def test_all_of_info_comes_back(phased: nh.CellSolution, tmp_path: Path) -> None:
    info = {
        **phased.info,
        "places": np.ones((2, 1)),
        "errors": {"chi": 1e-3, "none": math.nan},
        "cells": (8, 8),
    }
    again = nh.load(replace(phased, info=info).save(tmp_path / "cells.npz")).info
    assert set(again) == set(info) and again["multipliers"] == info["multipliers"]
    assert (
        again["cells"] == (8, 8)
        and np.array_equal(again["places"], info["places"])
        and math.isnan(again["errors"]["none"])
    )
    kept = {name: value for name, value in info.items() if name not in ("places", "errors")}
    assert {name: again[name] for name in kept} == kept
