"""What is trained, and on which images."""

import io
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import pyarrow  # noqa: E402
import pyarrow.parquet  # noqa: E402
from PIL import Image  # noqa: E402

from hetsched.errors import InputError  # noqa: E402
from real.training import data  # noqa: E402
from real.training.models import MODELS, build  # noqa: E402
from real.training.trainer import OWN_MODELS, load_model_file, trainers  # noqa: E402


def picture(value: int, side: int = 32, mode: str = "RGB") -> dict[str, object]:
    """One image as Hugging Face stores it: a PNG file of one colour."""
    file = io.BytesIO()
    Image.new(mode, (side, side), (value, 0, 255 - value) if mode == "RGB" else value).save(file, format="PNG")
    return {"bytes": file.getvalue(), "path": None}


def write(file: Path, images: list[dict[str, object]], **columns: list[int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    name = "image" if "fine_label" in columns else "img"
    pyarrow.parquet.write_table(pyarrow.table({name: pyarrow.array(images, type=kind), **columns}), file)


@pytest.fixture
def small_cifar10(tmp_path: Path) -> Path:
    """Five training images in two files, and two test images, below a subfolder."""
    write(tmp_path / "plain/train-00000-of-00002.parquet", [picture(n) for n in (0, 1, 2)], label=[0, 1, 2])
    write(tmp_path / "plain/train-00001-of-00002.parquet", [picture(n) for n in (3, 4)], label=[3, 4])
    write(tmp_path / "plain/test-00000-of-00001.parquet", [picture(n) for n in (8, 9)], label=[8, 9])
    return tmp_path


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("classes", [10, 100])
def test_models_give_one_logit_a_class(name: str, classes: int) -> None:
    assert build(name, classes)(torch.zeros(2, 3, 32, 32)).shape == (2, classes)


def test_the_two_stems_differ_in_resolution_but_hardly_in_size() -> None:
    sizes = {}
    for name in ("resnet18", "resnet18-cifar"):
        model = build(name, 10).eval()
        seen: list[int] = []
        first = model.get_submodule("layer1")
        first.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0].shape[-1]))
        model(torch.zeros(1, 3, 32, 32))
        sizes[name] = seen[0]
    assert sizes == {"resnet18": 8, "resnet18-cifar": 32}
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_173_962  # as in kuangliu/pytorch-cifar


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"resnet81.*did you mean 'resnet18'"):
        build("resnet81", 10)
    with pytest.raises(ValueError, match=r"cifar11.*did you mean 'cifar10"):
        data.load("cifar11")


def test_parquet_is_read_with_labels_in_step(small_cifar10: Path) -> None:
    images = data.load("cifar10", small_cifar10)
    assert images.train_images.shape == (5, 3, 32, 32)
    assert images.train_images.dtype == torch.uint8
    assert images.train_labels.tolist() == [0, 1, 2, 3, 4]
    assert images.train_images[:, 0, 5, 5].tolist() == [0, 1, 2, 3, 4]
    assert images.train_images[:, 2, 5, 5].tolist() == [255, 254, 253, 252, 251]
    assert images.test_labels.dtype == torch.int64
    assert images.test_labels.tolist() == [8, 9]
    assert (images.classes, images.synthetic) == (10, False)


def test_cifar100_uses_the_fine_label(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", [picture(7)], fine_label=[42], coarse_label=[3])
    write(tmp_path / "test-0.parquet", [picture(7, mode="L")], fine_label=[99], coarse_label=[4])
    images = data.load("cifar100", tmp_path)
    assert (images.train_labels.tolist(), images.test_labels.tolist()) == ([42], [99])
    assert images.test_images.shape == (1, 3, 32, 32)  # a grey picture becomes a coloured one


def test_any_folder_like_theirs_has_the_classes_that_its_labels_say(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", [picture(7), picture(8)], label=[0, 3])
    write(tmp_path / "test-0.parquet", [picture(7)], label=[1])
    images = data.load("parquet", tmp_path)
    assert (images.classes, images.train_labels.tolist(), images.synthetic) == (4, [0, 3], False)
    with pytest.raises(data.DataError, match="no folder was named"):
        data.load("parquet")
    with pytest.raises(ValueError, match="known only when it is read"):
        data.classes("parquet")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("@register\ndef net(classes): ...", "TypeError in mine.py:2: @register(NAME) takes a name"),
        ("@register('a b')\ndef net(classes): ...", "ValueError in mine.py:2: @register('a b'): a model's name is of"),
        (
            "@register('resnet18')\ndef net(classes): ...",
            "ValueError in mine.py:2: there is a model 'resnet18' already",
        ),
        ("register('net')(5)", "TypeError in mine.py:2: @register('net') goes before a function or a class, not 5"),
    ],
)
def test_what_is_no_model_is_not_registered(code: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"from real.training.models import register\n{code}\n")
    with pytest.raises(InputError) as raised:
        load_model_file(file)
    assert f"mine.py: cannot be imported: {message}" in str(raised.value)


def test_a_users_trainer_cannot_take_the_name_of_a_model_of_hetsched(tmp_path: Path) -> None:
    """It went before the model without a word, and the model's profile was taken for it."""
    assert set(OWN_MODELS) == {name for name, model in MODELS.items() if model.__module__ == "real.training.models"}
    file = tmp_path / "mine.py"
    file.write_text(
        "from real.training.trainer import METHODS, trainers\n\n"
        "trainers.register('resnet18')(type('Mine', (), dict.fromkeys(METHODS, len)))\n"
    )
    with pytest.raises(InputError, match="hetsched has a trainer 'resnet18' already: choose another name"):
        load_model_file(file)
    assert "resnet18" not in trainers.names()


def test_a_users_file_adds_models(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\nfrom real.training.models import register\n\n"
        "@register('linear')\ndef linear(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
    )
    load_model_file(file)
    try:
        assert build("linear", 7)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    finally:
        del MODELS["linear"]
    with pytest.raises(InputError, match="absent.py: no such file: expected a Python file with a model"):
        load_model_file(tmp_path / "absent.py")


def test_a_file_that_registers_nothing_is_refused_and_named(tmp_path: Path) -> None:
    """It said "no model 'mlp' can be trained", without the file, or trained a model of hetsched's
    own instead."""
    file = tmp_path / "mine.py"
    file.write_text("from torch import nn\nfrom real.training.models import register\n\ndef mlp(classes): ...\n")
    for _ in range(2):
        with pytest.raises(InputError, match="mine.py: registers no model; put @register"):
            load_model_file(file)


def test_a_file_may_import_the_file_that_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again, nothing new registers, as Python imports a module once."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "registering_trainer.py").write_text(
        "from real.training.trainer import METHODS, trainers\n\n"
        "trainers.register('imported')(type('Imported', (), dict.fromkeys(METHODS, len)))\n"
    )
    (tmp_path / "mine.py").write_text("import registering_trainer\n")
    try:
        for _ in range(2):
            load_model_file(tmp_path / "mine.py")
        assert "imported" in trainers.names()
    finally:
        del trainers._factories["imported"]


def test_a_folder_without_the_data_is_refused_by_its_names_alone(small_cifar10: Path, tmp_path: Path) -> None:
    data.check_files("cifar10", small_cifar10)
    data.check_files("synthetic", tmp_path / "absent")
    data.check_files("cifar10", None)
    for dataset, folder, expected in (
        ("cifar10", tmp_path / "absent", "there is no folder .*absent"),
        ("cifar100", small_cifar10, "has the columns img, label; expected img or image, and fine_label"),
        ("parquet", None, "no folder was named"),
    ):
        with pytest.raises(data.DataError, match=expected):
            data.check_files(dataset, folder)
    next(small_cifar10.rglob("test-*.parquet")).unlink()
    with pytest.raises(data.DataError, match="no test-.*parquet under"):
        data.check_files("cifar10", small_cifar10)


def test_a_folder_of_the_datasets_name_is_preferred(small_cifar10: Path) -> None:
    write(small_cifar10 / "cifar10/train-0.parquet", [picture(7)], label=[7])
    write(small_cifar10 / "cifar10/test-0.parquet", [picture(7)], label=[7])
    assert data.load("cifar10", small_cifar10).train_labels.tolist() == [7]


def test_subsets_are_fixed_and_nested(small_cifar10: Path) -> None:
    three = data.load("cifar10", small_cifar10, 3, 1)
    two = data.load("cifar10", small_cifar10, train_images=2, test_images=1)
    assert three.train_labels.tolist()[:2] == two.train_labels.tolist()
    assert three.train_images[:, 0, 0, 0].tolist() == three.train_labels.tolist()
    assert len(three.test_labels) == 1


def test_images_are_decoded_once(small_cifar10: Path) -> None:
    assert data.load("cifar10", small_cifar10) is data.load("cifar10", data_dir=small_cifar10, train_images=None)


def test_too_many_or_too_few_images_are_refused(small_cifar10: Path) -> None:
    with pytest.raises(data.DataError, match=r"6 train images .* has 5"):
        data.load("cifar10", small_cifar10, 6)
    with pytest.raises(ValueError, match="test_images is 0"):
        data.load("cifar10", small_cifar10, test_images=0)


def test_data_errors_name_folder_and_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(data.DataError, match=r"no folder .*absent.*synthetic"):
        data.load("cifar10", tmp_path / "absent")

    def no_network(*arguments: object, **options: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", no_network)
    with pytest.raises(data.DataError, match=rf"(?s){tmp_path}.*no network here.*--data-dir"):
        data.load("cifar10", tmp_path)
    assert list(tmp_path.iterdir()) == []  # the attempt left nothing behind

    (tmp_path / "train-0.parquet").write_bytes(b"PAR1 but damaged")
    with pytest.raises(data.DataError, match=r"train-0\.parquet cannot be read as parquet"):
        data.load("cifar10", tmp_path)

    write(tmp_path / "train-0.parquet", [picture(1)], fine_label=[1])
    with pytest.raises(data.DataError, match="columns image, fine_label; expected img or image, and label"):
        data.load("cifar10", tmp_path)

    write(tmp_path / "train-0.parquet", [], label=[])
    with pytest.raises(data.DataError, match="hold no images"):
        data.load("cifar10", tmp_path)

    write(tmp_path / "train-0.parquet", [picture(1)], label=[1])
    with pytest.raises(data.DataError, match=r"no test-\*\.parquet"):
        data.load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (picture(1, side=16), 0, "16x16 pixels instead"),
        ({"bytes": b"not a PNG", "path": None}, 0, "cannot be decoded"),
        ({"bytes": None, "path": "elsewhere.png"}, 0, "without bytes"),
        (picture(1), 10, "from 10 to 10; expected 0 to 9"),
        (picture(1), None, "whole-number labels"),
    ],
)
def test_broken_images_are_reported(tmp_path: Path, image: dict[str, object], label: int, message: str) -> None:
    write(tmp_path / "train-0.parquet", [image], label=[label])
    write(tmp_path / "test-0.parquet", [picture(1)], label=[1])
    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", tmp_path)


def test_a_download_is_moved_into_place_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's own files, made here in place of the download."""
    import pickle

    import numpy as np
    from torchvision.datasets import CIFAR10

    def fake_download(url: str, root: str, **options: object) -> None:
        folder = Path(root) / CIFAR10.base_folder
        folder.mkdir()
        for number, (file, _) in enumerate(CIFAR10.train_list + CIFAR10.test_list):
            batch = {"data": np.full((2, 3072), number, dtype=np.uint8), "labels": [number, number]}
            (folder / file).write_bytes(pickle.dumps(batch))
        (folder / CIFAR10.meta["filename"]).write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))

    downloads = iter([False, True])
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", fake_download)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: ".download-" not in str(self.root) or next(downloads))
    images = data.load("cifar10", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CIFAR10.base_folder]
    assert images.train_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert images.test_images.shape == (2, 3, 32, 32)
    assert int(images.test_images[0, 0, 0, 0]) == 5


def test_the_real_cifar10(cifar10: Path) -> None:
    images = data.load("cifar10", cifar10, 1000, 200)
    assert images.train_images.shape == (1000, 3, 32, 32)
    assert 110 < images.train_images.float().mean() < 130
    assert sorted(set(images.test_labels.tolist())) == list(range(10))


def test_synthetic_images_are_reproducible_and_say_so() -> None:
    images = data.load("synthetic", None, 300, 100)
    data._load.cache_clear()
    again = data.load("synthetic", None, 300, 100)
    assert again is not images
    assert torch.equal(images.train_images, again.train_images)
    assert images.synthetic
    assert images.train_images.dtype == torch.uint8
    assert not torch.equal(images.train_images[:100], images.test_images)
    assert set(images.train_labels.tolist()) == set(range(10))
