"""The images for training: CIFAR-10 and CIFAR-100 from parquet or torchvision, other parquet
folders, and synthetic images."""

import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from hetsched.errors import InputError, nearest

CLASSES = {"cifar10": 10, "cifar100": 100, "synthetic": 10}
"""The data sets whose number of classes is known in advance."""

PARQUET = "parquet"
"""The data set of any 32x32 images in a folder of parquet files. It has as many classes as its
labels say."""

DATASETS = (*CLASSES, PARQUET)
"""The names of the data sets."""

_SUBSET_SEED = 20240229
_PARQUET_COLUMNS = {
    "cifar10": (("img", "image"), ("label",)),
    "cifar100": (("img", "image"), ("fine_label",)),
    PARQUET: (("img", "image"), ("label", "fine_label")),
}
_TORCHVISION = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}
_WAYS_OUT = (
    "either allow network access for a download, or point --data-dir at a folder with train-*.parquet and "
    'test-*.parquet in the Hugging Face layout, or choose the dataset "synthetic"'
)


class DataError(InputError):
    """Images are not available. The message has the data set, the folder, what was expected and
    what to do."""


@dataclass(frozen=True)
class Images:
    """A data set in memory: images (N, 3, 32, 32) uint8, labels (N,) int64 from 0 to `classes` -
    1."""

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    synthetic: bool


def classes(dataset: str) -> int:
    """The number of classes of a data set.

    Raises ValueError for an unknown data set, with the nearest name, and for one whose number of
    classes is not known in advance.
    """
    _check_name(dataset)
    if dataset not in CLASSES:
        raise ValueError(f"how many classes {dataset!r} has is known only when it is read; profile another dataset")
    return CLASSES[dataset]


def _check_name(dataset: str) -> None:
    if dataset not in DATASETS:
        raise ValueError(f"unknown dataset {dataset!r}: {nearest(dataset, DATASETS)}")


def load(
    dataset: str, data_dir: Path | None = None, train_images: int | None = None, test_images: int | None = None
) -> Images:
    """Return a data set. It is decoded once per process.

    CIFAR is read from parquet files anywhere under `data_dir`, or under `data_dir/<dataset>` if
    that folder exists. Without parquet files it is read from torchvision's files there or in
    ~/.cache/hetsched. Missing files are downloaded.

    - `dataset`: "cifar10", "cifar100", "synthetic" or "parquet"
    - `data_dir`: the folder of the files. "parquet" needs one. Synthetic images need none.
    - `train_images`: how many images are kept, the first of a fixed random order. None: all, or
      10,000 synthetic ones.
    - `test_images`: likewise. None: all, or 2,000 synthetic ones.

    Raises ValueError for an unknown data set, and for fewer than one image. Raises DataError if the
    images are not available, or are fewer than asked for.
    """
    _check_name(dataset)
    for name, wanted in (("train_images", train_images), ("test_images", test_images)):
        if wanted is not None and wanted < 1:
            raise ValueError(f"{name} is {wanted}: expected at least 1")
    return _load(dataset, data_dir, train_images, test_images)


def check_files(dataset: str, data_dir: Path | None) -> None:
    """Raise DataError unless `load` would find files of the data set, by their names and columns.
    Their content is not checked.

    Without a folder nothing is checked, because each host has its own cache and may download into
    it.
    """
    if dataset == "synthetic" or (data_dir is None and dataset != PARQUET):
        return
    folder, is_parquet = _source(dataset, data_dir)
    if not is_parquet:
        _download_missing(dataset, folder)
        return
    for split in ("train", "test"):
        _columns(dataset, folder, split)


@functools.lru_cache(maxsize=4)
def _load(dataset: str, data_dir: Path | None, train_images: int | None, test_images: int | None) -> Images:
    if dataset == "synthetic":
        train = _synthetic(train_images or 10_000, seed=1)
        test = _synthetic(test_images or 2_000, seed=2)
        return Images(dataset, *train, *test, classes=CLASSES[dataset], synthetic=True)
    folder, is_parquet = _source(dataset, data_dir)
    read = _parquet if is_parquet else _from_torchvision
    train = read(dataset, folder, "train", train_images)
    test = read(dataset, folder, "test", test_images)
    known = CLASSES.get(dataset, 1 + max(int(labels.max()) for _, labels in (train, test)))
    for _, labels in (train, test):
        _check_labels(dataset, folder, labels, known)
    return Images(dataset, *train, *test, classes=known, synthetic=False)


def _source(dataset: str, data_dir: Path | None) -> tuple[Path, bool]:
    """The folder of a data set, and whether it has parquet files. Otherwise it has torchvision's
    files."""
    if dataset == PARQUET and data_dir is None:
        raise DataError("parquet: no folder was named; point --data-dir at one with train-*.parquet and test-*.parquet")
    if data_dir is not None and not data_dir.is_dir():
        raise DataError(f"{dataset}: there is no folder {data_dir}; {_WAYS_OUT}")
    folder = data_dir or Path("~/.cache/hetsched").expanduser()
    if (folder / dataset).is_dir():
        folder = folder / dataset
    has_parquet = data_dir is not None and any(folder.rglob("*.parquet"))
    return folder, has_parquet or dataset == PARQUET


def _subset(dataset: str, folder: Path, split: str, available: int, wanted: int | None) -> Tensor:
    """The indices of the images to keep: all in order, or the first of a fixed random order. Raises
    DataError if there are fewer than wanted."""
    if wanted is None:
        return torch.arange(available)
    if wanted > available:
        raise DataError(
            f"{dataset}: {wanted} {split} images were asked for, but {folder} has {available}; ask for fewer"
        )
    return torch.randperm(available, generator=torch.Generator().manual_seed(_SUBSET_SEED))[:wanted]


def _parquet(dataset: str, folder: Path, split: str, wanted: int | None) -> tuple[Tensor, Tensor]:
    """Read one split in Hugging Face's layout, with a column of {bytes, path} images and a column
    of labels. Returns images (n, 3, 32, 32) uint8 and labels (n,) int64."""
    tables = []
    for file, columns in _columns(dataset, folder, split).items():
        with _readable(dataset, file):
            table = pyarrow.parquet.read_table(file, columns=columns)
            tables.append(table.select(columns).rename_columns(["image", "label"]))
    table = pyarrow.concat_tables(tables)
    if not table.num_rows:
        raise DataError(f"{dataset}: the {split}-*.parquet under {folder} hold no images; {_WAYS_OUT}")
    table = table.take(_subset(dataset, folder, split, table.num_rows, wanted).numpy())
    try:
        encoded = pyarrow.compute.struct_field(table["image"], "bytes").to_pylist()
        images = torch.stack([_decoded(each) for each in encoded])
        labels = torch.tensor(table["label"].to_pylist(), dtype=torch.int64)
    except (pyarrow.ArrowException, OSError, SyntaxError, TypeError, ValueError) as error:
        raise DataError(
            f"{dataset}: the {split} images under {folder} cannot be decoded ({error}); expected structs "
            f"{{bytes, path}} of 32x32 PNG files and whole-number labels; copy the files again, or {_WAYS_OUT}"
        ) from error
    return images, labels


def _columns(dataset: str, folder: Path, split: str) -> dict[Path, list[str]]:
    """The parquet files of one split, and the names of the columns of images and labels in each."""
    files = sorted(folder.rglob(f"{split}-*.parquet"))
    if not files:
        raise DataError(f"{dataset}: no {split}-*.parquet under {folder}, though other parquet is; {_WAYS_OUT}")
    wanted, found = _PARQUET_COLUMNS[dataset], {}
    for file in files:
        with _readable(dataset, file):
            present = pyarrow.parquet.read_schema(file).names
        found[file] = [name for names in wanted if (name := next((each for each in names if each in present), None))]
        if len(found[file]) < len(wanted):
            expected = ", and ".join(" or ".join(names) for names in wanted)
            raise DataError(
                f"{dataset}: {file} has the columns {', '.join(present)}; expected {expected}; is it another data set? "
                f"Otherwise {_WAYS_OUT}"
            )
    return found


@contextmanager
def _readable(dataset: str, file: Path) -> Iterator[None]:
    """Within the context, an error of reading raises DataError: the file is no parquet file."""
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{dataset}: {file} cannot be read as parquet ({error}); copy it again, or {_WAYS_OUT}"
        ) from error


def _decoded(encoded: bytes | None) -> Tensor:
    """Decode one image to (3, 32, 32) uint8.

    It uses PIL. The decoder of torchvision is three times as fast, but torchvision will remove it.
    """
    if not encoded:
        raise ValueError("an image without bytes")
    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    if image.size != (32, 32):
        raise ValueError(f"an image of {image.width}x{image.height} pixels instead of 32x32")
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)


def _check_labels(dataset: str, folder: Path, labels: Tensor, known: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= known:
        raise DataError(
            f"{dataset}: the labels under {folder} go from {low} to {high}; expected 0 to {known - 1}; "
            "is it another data set?"
        )


def _from_torchvision(dataset: str, folder: Path, split: str, wanted: int | None) -> tuple[Tensor, Tensor]:
    """Read one split of the files that torchvision downloads. Missing files are downloaded."""
    _download_missing(dataset, folder)
    with _whole(dataset, folder):
        stored = _TORCHVISION[dataset](root=str(folder), train=split == "train", download=False)
    keep = _subset(dataset, folder, split, len(stored.data), wanted)
    images = torch.from_numpy(stored.data)[keep].permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(stored.targets, dtype=torch.int64)[keep]


def _download_missing(dataset: str, folder: Path) -> None:
    make = _TORCHVISION[dataset]
    if not (folder / make.base_folder).is_dir():
        with _whole(dataset, folder):
            _download(make, folder)


@contextmanager
def _whole(dataset: str, folder: Path) -> Iterator[None]:
    """Within the context, any error raises DataError. Torchvision raises many kinds of errors, and
    none says what to do."""
    try:
        yield
    except Exception as error:
        raise DataError(
            f"{dataset}: no parquet was given, and torchvision's files are neither whole in {folder} nor could they be "
            f"downloaded ({type(error).__name__}: {error}); {_WAYS_OUT}"
        ) from error


def _download(make: Callable[..., object], folder: Path) -> None:
    """Download into a temporary folder and move the files into place. All workers of a node may
    start this at once."""
    base: str = getattr(make, "base_folder")  # noqa: B009
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as aside:
        make(root=aside, download=True)
        try:
            os.rename(Path(aside) / base, folder / base)
        except OSError:
            if not (folder / base).is_dir():  # otherwise another worker was first, and its copy is as good
                raise


def _synthetic(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` images (count, 3, 32, 32) uint8 of ten classes, and their labels. They can be learnt,
    but only gradually.

    A class has a few smooth random pictures. An image is one of them with random contrast, under
    another smooth picture and noise. The classes are the same for every seed.
    """
    shapes = torch.Generator().manual_seed(0)
    kinds = 4
    prototypes = _smooth(CLASSES["synthetic"] * kinds, shapes)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES["synthetic"], (count,), generator=generator)
    kind = torch.randint(kinds, (count,), generator=generator)
    contrast = 0.4 + 0.6 * torch.rand(count, 1, 1, 1, generator=generator)
    images = contrast * prototypes[labels * kinds + kind]
    images += 0.8 * _smooth(count, generator)
    images += 0.6 * torch.randn(images.shape, generator=generator)
    return images.mul_(40).add_(128).clamp_(0, 255).to(torch.uint8), labels


def _smooth(count: int, generator: torch.Generator) -> Tensor:
    """Smooth random pictures (count, 3, 32, 32) of mean 0 and standard deviation about 1."""
    coarse = torch.randn(count, 3, 5, 5, generator=generator)
    pictures: Tensor = interpolate(coarse, size=(32, 32), mode="bicubic", align_corners=True)
    return pictures
