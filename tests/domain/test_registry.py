"""Policies by name: files of users."""

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pytest

import hetsched
from hetsched import allocation, scheduling
from hetsched.domain import registry
from hetsched.domain.learning import models
from hetsched.domain.user_files import UserFile, forget_files, load_file, registered
from hetsched.errors import InputError

CODE = """
from hetsched.scheduling import register

@register({name!r})
class Policy:
    {doc!r}

    def dispatch(self, state):
        return []
"""


def policy_file(folder: Path, name: str, doc: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "policy.py").write_text(dedent(CODE.format(name=name, doc=doc)))
    return folder / "policy.py"


def test_two_files_of_one_stem_cannot_have_one_policy(tmp_path: Path) -> None:
    first = policy_file(tmp_path / "a", "of-two-files", "the first")
    load_file(first)
    with pytest.raises(InputError, match=f"{first} has a scheduling policy 'of-two-files' already"):
        load_file(policy_file(tmp_path / "b", "of-two-files", "the second"))
    assert scheduling.policies.summary("of-two-files") == "the first"
    load_file(policy_file(tmp_path / "b", "of-the-second-file"))
    assert "of-the-second-file" in scheduling.policies.names()


def test_a_file_that_was_changed_can_be_loaded_again(tmp_path: Path) -> None:
    """Also within the second in which Python takes a file of the same length for the same."""
    for doc in ("as it was", "as it is"):
        load_file(policy_file(tmp_path / "a", "loaded-again", doc))
        assert scheduling.policies.summary("loaded-again") == doc


def test_what_files_register_within_a_context_goes_with_it(tmp_path: Path) -> None:
    """The copy runs once, because its text stays the same."""
    own = policy_file(tmp_path / "a", "within", "of the session")
    copy = policy_file(tmp_path / "b", "within", "a copy")
    copy.write_text(copy.read_text() + CODE.format(name="beside", doc="").replace("Policy", "Other"))
    copy.write_text(copy.read_text() + f"\nopen({str(tmp_path / 'runs')!r}, 'a').write('x')\n")
    load_file(own)
    for _ in range(2):
        with registered([UserFile.read(copy)]):
            assert scheduling.policies.summary("within") == "a copy"
            assert "beside" in scheduling.policies.names()
            with registered([UserFile.read(own)]):
                assert scheduling.policies.summary("within") == "of the session"
            assert scheduling.policies.summary("within") == "a copy"
        assert scheduling.policies.summary("within") == "of the session"
        assert "beside" not in scheduling.policies.names()
    assert (tmp_path / "runs").read_text() == "x"


def test_a_context_takes_back_also_what_was_made_of_another_modules_class(tmp_path: Path) -> None:
    head = "from functools import partial\nfrom hetsched.scheduling import policies, register\n"
    files = []
    for name, shipped in (("a.py", "fifo"), ("b.py", "hrfs")):
        (tmp_path / name).write_text(head + f"register('made')(partial(policies.factory({shipped!r})))\n")
        files.append(UserFile.read(tmp_path / name))
    made = []
    for file in (*files, *files):
        with registered([file]):
            made.append(type(scheduling.policies.create("made")).__name__)
        assert "made" not in scheduling.policies.names()
    assert made == ["Fifo", "HRFS"] * 2


def test_what_a_file_imports_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python imports a module once."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_a_lab.py").write_text(CODE.format(name="of-a-lab", doc=""))
    (tmp_path / "mine.py").write_text("import of_a_lab\n")
    with registered([UserFile.read(tmp_path / "mine.py")]):
        assert "of-a-lab" in scheduling.policies.names()
    assert "of-a-lab" in scheduling.policies.names()
    scheduling.policies.forget(["of_a_lab"])


def test_an_error_ends_a_context(tmp_path: Path) -> None:
    load_file(policy_file(tmp_path / "a", "within", "of the session"))
    with pytest.raises(KeyError), registered([UserFile.read(policy_file(tmp_path / "b", "within", "a copy"))]):
        raise KeyError
    assert scheduling.policies.summary("within") == "of the session"


def test_a_file_cannot_take_the_name_of_what_a_package_offers_and_nobody_has_used_yet(tmp_path: Path) -> None:
    """The curve that is fitted to ResNet-18 was another one then, without a word."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from hetsched.domain.learning import register\n\n"
        "register('sgd')(type('Mine', (), dict.fromkeys(['fresh', 'train', 'score'], len)))\n"
    )
    models.forget(["sim.learning.sgd"])
    with pytest.raises(InputError, match="sim.learning.sgd has a learning model 'sgd' already: choose another name"):
        load_file(file)
    assert models.factory("sgd").__module__ == "sim.learning.sgd"


def test_what_was_forgotten_may_come_from_another_file(tmp_path: Path) -> None:
    load_file(policy_file(tmp_path / "a", "forgotten", "the first"))
    forget_files()
    assert "forgotten" not in scheduling.policies.names()
    assert "fifo" in scheduling.policies.names()
    load_file(policy_file(tmp_path / "b", "forgotten", "the second"))
    assert scheduling.policies.summary("forgotten") == "the second"


def test_a_file_cannot_register_two_policies_under_one_name(tmp_path: Path) -> None:
    """A class that was copied, and whose name in @register was not: the second took the place of
    the first."""
    path = policy_file(tmp_path / "a", "registered-twice", "the first")
    path.write_text(path.read_text() + CODE.format(name="registered-twice", doc="").replace("Policy", "Other"))
    with pytest.raises(InputError, match="the file has a scheduling policy 'registered-twice' already, Policy: rename"):
        load_file(path)


def test_what_a_file_registered_stays_if_it_cannot_be_loaded_again(tmp_path: Path) -> None:
    path = policy_file(tmp_path / "a", "stays", "as it was")
    load_file(path)
    path.write_text(path.read_text().replace("'stays'", "'renamed'") + "\nraise KeyError('gone')\n")
    with pytest.raises(InputError, match="KeyError"):
        load_file(path)
    assert scheduling.policies.summary("stays") == "as it was"
    assert "renamed" not in scheduling.policies.names()


def test_what_a_file_registers_no_more_is_not_known_any_more(tmp_path: Path) -> None:
    path = policy_file(tmp_path / "a", "before")
    load_file(path)
    path.write_text(path.read_text().replace("'before'", "'after'"))
    load_file(path)
    assert "after" in scheduling.policies.names() and "before" not in scheduling.policies.names()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nosuchmodule:Policy", "cannot be imported: ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("os:sep", "expected a class, found '/'"),
        ("collections:Counter", "a scheduling policy has a method 'dispatch', and there is none"),
    ],
)
def test_a_package_whose_policy_cannot_be_used_is_named(
    value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("broken", value, "hetsched.scheduling")
    monkeypatch.setattr(registry, "entry_points", lambda **_: EntryPoints([point]))
    known: registry.Registry[object] = registry.Registry("scheduling policy", point.group, ["dispatch"])
    with pytest.raises(InputError, match=f"scheduling policy 'broken', of the package .*: {message}"):
        known.create("broken")


def test_a_summary_is_the_first_paragraph_however_it_is_wrapped(tmp_path: Path) -> None:
    load_file(policy_file(tmp_path, "wrapped", "The trial that was added\n    last.\n\n    Nobody needs it.\n"))
    assert scheduling.policies.summary("wrapped") == "The trial that was added last."


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize(
    ("of", "name", "option"),
    [
        (scheduling.policies, "allox", "reallocation_s"),  # raised OverflowError
        (scheduling.policies, "lookahead", "patience"),  # printed 400 digits
        (scheduling.policies, "era", "gpa"),
        (allocation.policies, "cpu-only", "cores_per_worker"),
        (models, "sgd", "scale"),
    ],
)
def test_a_number_of_hundreds_of_digits_is_a_wrong_option(
    of: registry.Registry[object], name: str, option: str, digits: int
) -> None:
    for number in (10**digits, -(10**digits)):
        with pytest.raises(InputError, match=f"option '{option}': expected at most 1e30, got a number of abo") as error:
            of.create(name, {option: number})
        assert len(str(error.value)) < 120


@pytest.mark.parametrize(
    "annotation", [Literal["low", "high"], Literal["low", "high"] | None, None | Literal["low", 1]]
)
def test_an_option_of_some_values_takes_no_other(annotation: Any) -> None:
    """Any value was accepted, and the policy took the last branch of its `if`."""

    class Chooses:
        def __init__(self, first: Any = "low") -> None:
            self.first = first

        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            return []

    Chooses.__init__.__annotations__["first"] = annotation
    scheduling.register("chooses")(Chooses)
    assert scheduling.policies.create("chooses", {"first": "low"})
    for wrong in ("hihg", True, 2):
        with pytest.raises(InputError, match=r"option 'first' must be one of 'low', .*, got "):
            scheduling.policies.create("chooses", {"first": wrong})


def test_an_option_of_some_values_or_a_number_says_both() -> None:
    assert registry._expected(Literal["auto"] | int | None) == "one of 'auto' or int"
    assert registry._fits(1, Literal[0.5, 1.0]) and not registry._fits(True, Literal[0.5, 1.0])


def test_without_options_no_signature_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one that Python reads takes as long as fifty simulated segments."""
    monkeypatch.delattr(registry, "parameters_of")
    assert scheduling.policies.create("fifo", {})


def test_a_long_text_as_an_option_is_shown_in_short() -> None:
    with pytest.raises(InputError, match="option 'patience' must be float, got '999") as error:
        scheduling.policies.create("lookahead", {"patience": "9" * 400})
    assert len(str(error.value)) < 150


def test_an_unknown_name_says_which_loaded_file_registers_nothing(tmp_path: Path) -> None:
    """The message asked for the file to be loaded, which it was."""
    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    pass\n")
    load_file(file)
    try:
        with pytest.raises(InputError, match=r"unknown scheduling policy 'mine': .*mine\.py registers no policy; put"):
            scheduling.policies.factory("mine")
    finally:
        forget_files()
    with pytest.raises(InputError) as raised:
        scheduling.policies.factory("mine")
    assert "mine.py" not in str(raised.value)


def test_a_file_that_registers_what_another_module_has_is_not_idle(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from functools import partial\nfrom hetsched.scheduling import register\n"
        "from hetsched.scheduling.queueing.fifo import Fifo\nregister('of-another')(partial(Fifo))\n"
    )
    for _ in range(2):
        load_file(file, replaces=True)
    try:
        assert registry.idle_files() == []
    finally:
        scheduling.policies._factories.pop("of-another")
        forget_files()
