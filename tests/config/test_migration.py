"""params.yaml of an earlier version: brought to this schema with comments and order kept, meaning the same."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from frostline.config.migration import STEPS, Added, Renamed, migrate, migrate_values
from frostline.errors import InputError

TEXT = """\
# Everything.
datasets:
  # the first
  digits:
    path: x  # its path
    audit: {unreadable: keep,
            tiny: keep}
  other:
    # about the audit
    audit:
      tiny: fail
classifiers:
  a: {variants: {fp16: 0.5, int8: 1.0}}  # small
  b: {variants: null}
"""
NEW = (Added("datasets.*.audit", "dusty", "keep"), Added("datasets.*", "shards", "null"))


def plain(text: str) -> object:
    """The values of a YAML text."""
    return YAML(typ="safe", pure=True).load(text)


def test_a_new_key_keeps_all_else() -> None:
    """Every line that was there is there still, in its order; flow and block style are kept."""
    text, changes = migrate(TEXT, NEW)
    left = [line for line in text.splitlines() if line not in {"    shards: null", "      dusty: keep"}]
    assert [line.replace("dusty: keep, ", "") for line in left] == TEXT.splitlines()
    assert plain(text)["datasets"]["digits"]["audit"] == {
        "dusty": "keep",
        "unreadable": "keep",
        "tiny": "keep",
    }
    assert [each.key for each in changes] == [
        "datasets.digits.audit.dusty", "datasets.other.audit.dusty", "datasets.digits.shards", "datasets.other.shards",
    ]  # fmt: skip
    assert (
        text.index("about the audit") + 16 == text.index("    audit:\n") + 0
        or "# about the audit\n    audit:" in text
    )


def test_a_key_with_a_new_name() -> None:
    """The precision of 0.1 that was called fp16; nothing else of the file changes."""
    text, changes = migrate(TEXT)
    assert text == TEXT.replace("fp16", "float16")
    assert [each.key for each in changes] == ["classifiers.a.variants.float16"]


def test_twice_is_once() -> None:
    """What was migrated needs nothing more, and is given back as it is."""
    once, _ = migrate(TEXT, (*STEPS, *NEW))
    assert migrate(once, (*STEPS, *NEW)) == (once, [])


def test_an_empty_section_is_for_a_person() -> None:
    """There is no key to write beside: the message says what to write."""
    with pytest.raises(InputError, match="dusty: keep"):
        migrate("datasets: {d: {audit: {}}}\n", NEW)


def test_values_of_stages_follow() -> None:
    """Whole sections, sections above, single keys beside: as the file reads after the same steps."""
    steps = (*STEPS, *NEW, Added("classifiers.*", "seeds", "1"))
    values = {
        "seed": 7,
        "datasets.digits": {"path": "x", "audit": {"tiny": "keep"}},
        "classifiers.a.variants": {"fp16": 0.5},
        "classifiers.a.image": None,
        "classifiers": {"b": {"variants": None}},
    }
    assert migrate_values(values, steps) == {
        "seed": 7,
        "datasets.digits": {"path": "x", "audit": {"tiny": "keep", "dusty": "keep"}, "shards": None},
        "classifiers.a.variants": {"float16": 0.5},
        "classifiers.a.image": None,
        "classifiers.a.seeds": 1,
        "classifiers": {"b": {"variants": None, "seeds": 1}},
    }
    assert values["classifiers.a.variants"] == {"fp16": 0.5}


KEYS = st.sampled_from(["a", "b", "tiny", "fp16", "dusty"])
AUDITS = st.fixed_dictionaries({"audit": st.dictionaries(KEYS, st.integers(), min_size=1)})
VARIANTS = st.fixed_dictionaries({"variants": st.none() | st.dictionaries(KEYS, st.floats(0, 1), min_size=1)})
FILES = st.fixed_dictionaries({
    "datasets": st.dictionaries(KEYS, AUDITS, max_size=2), "classifiers": st.dictionaries(KEYS, VARIANTS, max_size=2),
})  # fmt: skip


@given(FILES, st.booleans())
def test_text_and_values_agree(values: dict[str, object], flow: bool) -> None:
    """The edited text reads as the migrated values, whatever the file's style."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    out = io.StringIO()
    yaml.dump(values, out)
    steps = (NEW[0], Renamed("classifiers.*.variants", "fp16", "float16"))
    text, _ = migrate(out.getvalue(), steps)
    assert plain(text) == migrate_values(values, steps)
