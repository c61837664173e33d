"""Images: what is taken, what is refused, and what SymPy does to them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import nhpinn_sym as nh
from nhpinn_sym.problem.images import Image, images_in, pixel_values

S = nh.Scales(2)
LABELS = [[0, 1, 1], [0, 0, 2]]


def image(labels: object = LABELS, **options: Any) -> Any:
    return nh.image(S, labels, {0: 1, 1: 10, 2: 4}, **options)


def test_a_pixel_has_its_centre_where_the_array_says() -> None:
    """Pixel [i, j] at ((i + 1/2)/n, (j + 1/2)/m), periodic, on an edge the upper one."""
    found = image().image
    i, j = np.indices((2, 3))
    values = found((i + 0.5) / 2, (j + 0.5) / 3)
    assert values.tolist() == [[1, 10, 10], [1, 1, 4]]
    assert (found((i + 0.5) / 2 - 3, (j + 0.5) / 3 + 7) == values).all()
    assert found(0.5, 2 / 3) == 4
    assert found.edges(0) == [0.0, 0.5]
    assert found.edges(1) == pytest.approx([0, 1 / 3, 2 / 3])


def test_a_cell_of_other_lengths() -> None:
    found = image(cell=nh.Cell((-1, 1), (0, 6))).image
    assert found(0.5, 5.0) == 4
    assert found.edges(0) == [-1.0, 0.0]


def test_an_image_survives_sympy() -> None:
    a = image()
    y = sp.symbols("y1 y2", real=True)
    put = sp.expand((a + 1) ** 2).xreplace(dict(zip(S.y, y, strict=True)))
    (node,) = images_in(put)
    assert node.image == a.image
    assert node.args == y
    assert sp.simplify(a / a) == 1
    assert image() == a
    assert image(name="rock") != a
    assert pickle.loads(pickle.dumps(a * S.x[0])) == a * S.x[0]
    assert copy.deepcopy(a) == a


def test_matrices_share_the_functions_of_equal_entries() -> None:
    found = nh.image(S, LABELS, {0: sp.eye(2), 1: [[3, 1], [1, 3]], 2: sp.diag(2, 2)}, name="k")
    assert found[0, 0] == found[1, 1]
    assert found[0, 1] == found[1, 0]
    assert len(images_in(found)) == 2


def test_values_with_formulas_are_sums_over_the_labels() -> None:
    q = sp.Symbol("q")
    found = nh.image(S, LABELS, {0: S.x[0], 1: q, 2: 1 + sp.I}, name="rock")
    for place, value in (((0.1, 0.1), S.x[0]), ((0.1, 0.5), q), ((0.7, 0.9), 1 + sp.I)):
        numbers = {node: int(node.func.image(*place)) for node in images_in(found)}
        assert sp.expand(found.xreplace(numbers) - value) == 0


def test_what_several_images_are_together() -> None:
    rows, shares = pixel_values(
        [image().image, nh.image(S, [[0, 1]], {0: 5, 1: 6}, name="other").image]
    )
    table = dict(zip(map(tuple, rows.tolist()), shares, strict=True))
    assert sum(table.values()) == pytest.approx(1)
    assert table[1.0, 5.0] == pytest.approx(2 / 6 + 1 / 12)
    assert table[4.0, 6.0] == pytest.approx(1 / 6)


def problem(a: Any) -> nh.MultiscaleProblem:
    u = S.unknown("u")
    return nh.MultiscaleProblem(sp.Eq(-S.div(a * S.grad(u)), 1), scales=S, unknown=u)


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (np.array([[2**60, 2**60 + 1]]), {2**60: 1, 2**60 + 1: 7}),
        (np.array([[0.1, 0.3]], dtype=np.float32), {0.1: 1, 0.3: 7}),
        (np.array([[False, True]]), {0: 1, True: 7}),
        (np.array([[300, 40000]], dtype=np.uint16), {300: 1, 40000: 7, 5: 3}),
        (np.array([[-1, 4]], dtype=np.int8), {-1: 1, 4.0: 7}),
    ],
)
def test_labels_of_any_type_are_told_apart(labels: np.ndarray, values: dict[Any, int]) -> None:
    found = nh.image(S, labels, values).image
    assert found([0.5, 0.5], [0.2, 0.8]).tolist() == [1.0, 7.0]


def test_files_with_objects_or_archives_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([[0, Path()]], dtype=object), allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(LABELS))
    np.savez(tmp_path / "several.npz", labels=LABELS)
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    for path in tmp_path.iterdir():
        with pytest.raises(nh.FileError, match="cannot be read"):
            image(path)


@pytest.mark.parametrize("name", ["rock.npy", "rock.png", "rock.tif"])
def test_files(name: str, tmp_path: Path) -> None:
    array = np.array([[0, 255], [255, 0], [0, 0]], dtype=np.uint8)
    if name.endswith("npy"):
        np.save(tmp_path / name, array)
    else:
        reader = pytest.importorskip("PIL.Image")
        reader.fromarray(array).save(tmp_path / name)
    found = nh.image(S, tmp_path / name, {0: 1, 255: 10})
    assert found.image == nh.image(S, array, {0: 1, 255: 10}).image


def stack(path: Path, array: np.ndarray, **options: Any) -> Path:
    """A file with one page for each [k] of the array."""
    reader = pytest.importorskip("PIL.Image")
    first, *others = [reader.fromarray(page) for page in array]
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4"])
def test_pages_of_a_file_are_the_first_axis(kind: str, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(kind)
    s = nh.Scales(3)
    found = nh.image(s, str(stack(tmp_path / "stack.tif", array)), {0: 1, 1: 2})
    assert found.image == nh.image(s, array, {0: 1, 1: 2}).image


def test_a_file_that_ends_too_early_is_not_read(tmp_path: Path) -> None:
    """Of compressed pages those that are left were taken for all."""
    array = np.random.default_rng(0).integers(0, 2, (4, 5, 6)).astype("u1")
    whole = stack(tmp_path / "stack.tif", array, compression="tiff_lzw").read_bytes()
    for length in (150, len(whole) // 3, len(whole) // 2, len(whole) - 20):
        (tmp_path / "cut.tif").write_bytes(whole[:length])
        with pytest.raises(nh.FileError, match="cannot be read"):
            image(tmp_path / "cut.tif")


def test_pages_of_colours_are_no_voxels(tmp_path: Path) -> None:
    path = stack(tmp_path / "colours.png", np.zeros((1, 5, 6, 4), dtype="u1"))
    with pytest.raises(nh.ProblemError, match="colours"):
        nh.image(nh.Scales(3), path, {0: 1})
    wrong = np.zeros((2, 3, 4), dtype="f4")
    wrong[1, 2, 3] = np.nan
    with pytest.raises(nh.ProblemError, match=r"nan at pixel \(1, 2, 3\)"):
        nh.image(nh.Scales(3), stack(tmp_path / "wrong.tif", wrong), {0: 1})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: image([[0.0, float("nan")]]), "nan at pixel"),
        (lambda: image([[0, 7]]), "labels of the image have no value"),
        (lambda: image([0, 1]), "an image of 1 axes on a cell of 2"),
        (lambda: image(np.zeros((2, 2, 3))), "colours"),
        (lambda: image(np.zeros((2, 2, 2))), "an image of 3 axes"),
        (lambda: image(np.zeros((0, 2))), "an image of no pixels"),
        (lambda: image([["a"]]), "array of real numbers"),
        (lambda: image([[0, 1], [2]]), "different lengths"),
        (lambda: nh.image(S, LABELS, {"a": 1}), "a label of an image"),
        (lambda: nh.image(S, LABELS, {}), "dictionary"),
        (lambda: nh.image(S, LABELS, {0: 1, 1: sp.eye(2), 2: 1}), "different shapes"),
        (lambda: nh.image(S, LABELS, {0: 1, 1: sp.nan, 2: 1}), "nan"),
        (lambda: image("rock.jpg"), "are read from"),
        (lambda: image("missing.npy"), "cannot be read"),
        (lambda: image(name="my rock"), "no word"),
        (lambda: image(cell=nh.Cell((0, 1))), "dimension"),
        (lambda: image(np.ma.array(LABELS, mask=[[0, 0, 1], [0, 0, 0]])), "masked pixels"),
        (lambda: problem(image(cell=nh.Cell((0, 2), (0, 1)))), "another cell"),
        (lambda: problem(image().xreplace({S.y[0]: S.y[0] + 1})), "other points"),
    ],
)
def test_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(nh.ProblemError, match=text):
        make()


def test_a_checkerboard_has_two_fields_along_each_axis() -> None:
    found = nh.checkerboard(nh.Scales(3), 1, 9).image
    assert isinstance(found, Image)
    assert found.shape == (2, 2, 2)
    assert found(0.1, 0.1, 0.1) == 1
    assert found(0.1, 0.1, 0.9) == 9
