"""code.yaml: written for what is installed, refused where something else is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from frostline.errors import InputError
from frostline.pipeline import code_digest, code_file

SECTION = {"code": "a" * 64, "packages": {"numpy": "2.4.6", "pillow": "13.0.0"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a code.yaml for what is installed."""
    monkeypatch.chdir(tmp_path)
    code_file.write(code_file.installed(), {})
    return tmp_path


def test_what_was_written_is_accepted(here: Path) -> None:
    """Every stage runs, and the file's sections are those that DVC reads."""
    for stage in code_file.STAGES:
        code_file.require(stage)
    assert (
        YAML(typ="safe").load((here / "code.yaml").read_text()) == code_file.installed() == code_file.read()
    )


@pytest.mark.usefixtures("here")
def test_other_code_is_refused() -> None:
    """Only the stage whose section differs; the way out is named."""
    sections = code_file.installed()
    code_file.write({**sections, "train": {**sections["train"], "code": "0" * 64}}, {})
    with pytest.raises(InputError, match=r"train: code\.yaml .*code changed.*frostline lock"):
        code_file.require("train")
    code_file.require("evaluate")


def test_other_packages_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named with both versions."""
    assert (here / "code.yaml").is_file()
    monkeypatch.setattr(code_digest.metadata, "version", lambda _: "0.1")
    with pytest.raises(InputError, match=r"numpy \S+ → 0\.1"):
        code_file.require("preprocess")


@pytest.mark.parametrize("content", [None, "", "a: [", "train: 3\n", "train: {code: 3}\n", "\xff"])
def test_no_file_or_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """An input error that names `frostline lock`."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    if content is not None:
        Path("code.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="frostline lock"):
        code_file.require("train")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (SECTION, []),
        ({**SECTION, "code": "b"}, ["code changed"]),
        ({**SECTION, "packages": {"numpy": "1", "pillow": "13.0.0"}}, ["numpy 1 → 2.4.6"]),
        ({**SECTION, "packages": {**SECTION["packages"], "scipy": "1"}}, ["scipy 1 → none"]),
        ({**SECTION, "packages": {"numpy": "2.4.6"}}, ["pillow none → 13.0.0"]),
        (None, ["not locked yet"]),
    ],
)
def test_differences(before: object, words: list[str]) -> None:
    """Code, versions, packages that came or went."""
    assert code_file.differences(before, SECTION) == words


NAMES = st.text("abcdefgh-", min_size=1, max_size=8)
SECTIONS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries({
        "code": st.text("0123456789abcdef", min_size=64, max_size=64),
        "packages": st.dictionaries(NAMES, st.text("0123456789.rc", max_size=6), max_size=3),
    }),
    min_size=1, max_size=4,
)  # fmt: skip


@given(SECTIONS)
def test_text_reads_back(sections: dict[str, dict[str, object]]) -> None:
    """No version becomes a number, no digest loses its zeros."""
    assert YAML(typ="safe", pure=True).load(code_file.text(sections, {})) == sections
