"""The documentation is kept true: commands parse, links and paths lead somewhere, tables equal the code."""

import ast
import itertools
import json
import re
import shlex
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

from frostline.cli import STAGES, cli
from frostline.config.training import OPTIMIZERS
from frostline.config.weights import BACKBONES
from frostline.datasets import manifest
from frostline.evaluation import history
from frostline.scoring import rows
from frostline.stages import evaluate
from helpers import schema
from helpers.commands import leaves
from helpers.outputs import metrics
from test_architecture import ROOMS, TOOLS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")), *SITE]
HOUSE, DECISIONS = DOCS / "architecture.md", DOCS / "decisions.md"
FILES, PARAMS, SCORE = (
    DOCS / f"{name}.md" for name in ("reference/files", "reference/params", "how-to/score")
)

# Folders and files whose names in the text must be those of the tree. What the pipeline writes is not in it.
TRACKED = re.compile(
    r"(?:\.ci|benchmarks|docs|flows|pretrained|requirements|src|tests)(?:/[\w.@-]*)+"
    r"|(?:CHANGELOG|CONTRIBUTING|README)\.md|LICENSE|Makefile|pyproject\.toml|(?:code|dvc|mkdocs|params)\.yaml"
    r"|dvc\.lock|data\.dvc"
)
WRITTEN = re.compile(r"(artifacts|metrics|plots|reports)/[\w./@-]*")
GROUPS = {name for name, command in cli.commands.items() if isinstance(command, click.Group)}
HOSTS = {"127.0.0.1", "keepachangelog.com", "semver.org"}
ID = lambda page: str(page.relative_to(ROOT))  # noqa: E731  # a test's name
MACHINE = re.compile(r"(?<![\w~.])/(?:work|tmp|root|home|Users|mnt|opt)\b")


def fences(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each fenced block's language and lines, indentation taken off."""
    for indent, language, body in re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.M | re.S):
        yield language, [line.removeprefix(indent) for line in body.splitlines()]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)


def inline(text: str) -> list[str]:
    """What stands in backticks in the prose."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def commands(text: str, program: str) -> list[list[str]]:
    """Arguments of every call of a program in fenced blocks.

    In a block with prompts only lines after one are commands; what follows a pipe is another's.
    """
    found = []
    for language, lines in fences(text):
        if language not in {"", "bash"}:
            continue
        prompts = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in prompts or lines:
            words = line.split(" | ")[0].split()
            if words and words[0] == program:
                found.append(shlex.split(line.split(" | ")[0], comments=True)[1:])
    return found


def problem(program: str, arguments: list[str]) -> str:
    """Why a command line of frostline or DVC would be refused, by their own parsers; "" if it would not."""
    return _frostline(arguments) if program == "frostline" else _dvc(arguments)


def _frostline(arguments: list[str]) -> str:
    command: click.Command = cli
    while isinstance(command, click.Group):
        name, *arguments = arguments
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    try:
        command.make_context(name, arguments)
    except click.ClickException as error:
        return error.format_message()
    return ""


def _dvc(arguments: list[str]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dvc.cli import DvcParserError, parse_args
    try:
        parse_args(arguments)
    except DvcParserError as error:
        return f"dvc {shlex.join(arguments)}: {error}"
    return ""


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading or header cell, without its head."""
    lines = text[text.index(heading) :].splitlines()
    start = next(
        number for number, line in enumerate(lines) if line.startswith("|:") or line.startswith("|-")
    )
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


@pytest.mark.parametrize("page", PAGES, ids=ID)
@pytest.mark.parametrize("program", ["frostline", "dvc"])
def test_commands_parse(page: Path, program: str) -> None:
    """Every command line names a command that exists, with options that exist, and lacks none."""
    found = (problem(program, arguments) for arguments in commands(page.read_text(), program))
    assert [each for each in found if each] == []


@pytest.mark.parametrize(
    ("program", "line", "told"),
    [
        ("frostline", "score photos --model m --out s.csv", ""),
        ("frostline", "scores photos", "no command scores"),
        ("frostline", "score photos --model m --out s.csv --gpu", "No such option"),
        ("frostline", "score photos", "Missing option '--model'"),
        ("frostline", "score photos --model m --out s.csv --device tpu", "Invalid value for '--device'"),
        ("dvc", "exp run --temp -S a.b=1", ""),
        ("dvc", "experiment go", "dvc experiment go"),
        ("dvc", "repro --nonsense", "dvc repro --nonsense"),
    ],
)
def test_the_command_check_can_fail(program: str, line: str, told: str) -> None:
    """The parsers refuse what does not exist."""
    said = problem(program, line.split())
    assert told in said
    assert bool(told) == bool(said)


def test_commands_of_the_notebook_parse() -> None:
    """What its cells give to a shell is in it as on a page."""
    cells = json.loads((DOCS / "notebook.ipynb").read_text())["cells"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines() if line.startswith("!")]
    calls = [shlex.split(line[line.index("frostline") :])[1:] for line in lines if "frostline " in line]
    assert len(calls) > 1
    assert [problem("frostline", call) for call in calls] == [""] * len(calls)


def test_which_lines_are_commands() -> None:
    """Output, comments and what follows a pipe are not; indented blocks and prompts are."""
    text = (
        "```\n$ dvc push | tail\ndvc said\n```\n  ```\n  dvc pull x  # why\n  ```\n"
        "```yaml\ndvc: no\n```\n`dvc gone`\n"
    )
    assert commands(text, "dvc") == [["push"], ["pull", "x"]]


def test_pages_have_commands() -> None:
    """The parser of pages finds what is there: without commands the checks above would say nothing."""
    for program, least in (("frostline", 60), ("dvc", 25)):
        assert sum(len(commands(page.read_text(), program)) for page in SITE) > least


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_overrides_name_keys(page: Path) -> None:
    """What `-S` sets in an example is a key of params.yaml."""
    for arguments in commands(page.read_text(), "dvc"):
        for flag, value in itertools.pairwise(arguments):
            if flag == "-S":
                here = yaml.safe_load((ROOT / "params.yaml").read_text())
                for step in value.partition("=")[0].split("."):
                    assert step in here, value
                    here = here[step]


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_make_targets_exist(page: Path) -> None:
    """Every `make TARGET` is a target of the Makefile."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = page.read_text()
    named = {arguments[0] for arguments in commands(text, "make") if arguments}
    named |= {code.split()[1] for code in inline(text) if code.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_inline_commands_exist(page: Path) -> None:
    """`frostline NAME` in a sentence names a command, or is a placeholder."""
    named = [code.split()[1:3] for code in inline(page.read_text()) if re.match(r"frostline [a-z]", code)]
    known = {words for name in leaves() for words in (name, name.split()[0])}
    assert {words[0] for words in named} <= known
    assert {" ".join(words) for words in named if words[0] in GROUPS and words[1:]} <= known


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links lead to files of the tree, anchors to headings."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_paths_exist(page: Path) -> None:
    """What looks like a path of the repository is one; a path of an output lies where a stage writes."""
    roots = {"artifacts/weights", "artifacts/datasets", "artifacts/classifiers", "artifacts/models"}
    for code in inline(page.read_text()):
        if TRACKED.fullmatch(code) and not re.search(r"SOURCE|ROOM", code):
            assert (ROOT / code).exists(), code
        elif match := WRITTEN.fullmatch(code):
            parts = code.rstrip("/").split("/")
            assert match[1] != "artifacts" or parts[1:] == [] or "/".join(parts[:2]) in roots, code


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_no_foreign_addresses(page: Path) -> None:
    """No download addresses, and no paths of the machine a page was written on."""
    text = page.read_text()
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= HOSTS
    assert MACHINE.findall(text) == []


@pytest.mark.parametrize("name", leaves())
def test_every_command_is_explained(name: str) -> None:
    """A page that a person wrote names each command; the reference, made of its help, says the rest."""
    assert any(re.search(rf"frostline {name}\b", page.read_text()) for page in SITE), name


def test_every_stage_says_what_it_writes() -> None:
    """The reference's table of stages is that of the graph, in order."""
    names = [
        re.findall(r"\w+", cells[0])[0]
        for cells in table((DOCS / "reference/commands.md").read_text(), "| stage |")
    ]
    assert tuple(names) == STAGES


@pytest.mark.parametrize("page", [PARAMS, DOCS / "how-to/pretrained-weights.md"], ids=ID)
def test_backbones_are_listed(page: Path) -> None:
    """Those that params.yaml takes, in their order."""
    (line,) = re.findall(r"^Backbones: (.*)\.$", page.read_text(), re.M)
    assert tuple(line.split(", ")) == BACKBONES


@pytest.mark.parametrize("page", [PARAMS, DOCS / "how-to/networks.md"], ids=ID)
def test_optimizers_are_listed(page: Path) -> None:
    """Those that params.yaml takes, in their order."""
    (line,) = re.findall(r"^(?:Optimizers|`optimizer`): (.*?)[.;] ", page.read_text(), re.M)
    assert tuple(line.split(", ")) == OPTIMIZERS


def params_rows() -> dict[str, list[str]]:
    """Every row of the params reference by its full key: what it may be, what init writes, the meaning."""
    rows = {}
    for section in re.split(r"^## ", PARAMS.read_text(), flags=re.M)[1:]:
        name = section.splitlines()[0]
        for key, *cells in table(section, "| key |"):
            rows[name if name == key.strip("`") else f"{name}.{key.strip('`')}"] = [
                each.strip(" |") for each in cells
            ]
    return rows


def test_every_key_of_params_is_in_the_reference() -> None:
    """With the values that the schema takes, in the schema's order, and a meaning."""
    rows, known = params_rows(), schema.keys()
    assert {key: cells[0] for key, cells in rows.items()} == known
    assert [key for key, cells in rows.items() if len(cells) != 3 or not cells[2].endswith(".")] == []


@pytest.mark.parametrize("key", schema.keys())
def test_what_init_writes_is_in_the_reference(key: str) -> None:
    """The one value that it writes for photos and weights of every kind, all it chooses from, or `fitted`."""
    shown, values = params_rows()[key][1], schema.written().get(key, set())
    if not values or (len(values) > 1 and shown == "fitted"):
        assert shown in {"nothing", "fitted"}
        assert bool(values) == (shown == "fitted")
    else:
        assert {each.strip("`") for each in shown.split(" or ")} == {each.strip('"') for each in values}


def test_architecture_table() -> None:
    """The table of rooms is that of the house, from top to bottom."""
    assert tuple(cells[0].strip("`") for cells in table(HOUSE.read_text(), "| room |")) == ROOMS


def test_architecture_picture() -> None:
    """Read line by line, the picture names the rooms from top to bottom."""
    (picture,) = (lines for _, lines in fences(HOUSE.read_text()) if lines[0].startswith(ROOMS[0]))
    assert tuple(name for line in picture for name in re.split(r"\s{3,}", line[:33].strip())) == ROOMS


def test_architecture_tools() -> None:
    """The sentence about what every room may use names all of it."""
    (sentence,) = re.findall(r"Every room may also use (.*), which use no room", HOUSE.read_text())
    assert set(re.findall(r"`(\w+)`", sentence)) == TOOLS - {"__init__"}


@pytest.mark.parametrize(
    ("file", "columns"),
    [("manifest.parquet", manifest.SCHEMA.names), ("history.csv", list(history.COLUMNS))],
)
def test_columns_of_files(file: str, columns: list[str]) -> None:
    """The columns of stage outputs are those that the code writes, in order."""
    (line,) = [
        line for line in FILES.read_text().splitlines() if line.startswith("| ") and f"| `{file}`" in line
    ]
    text = re.sub(r"\(.*?\)", "", line.split("|")[3].split(";")[0])
    words = [word.strip() for word in text.split(":")[-1].split(",")]
    assert words == columns


WHOLE = rows.schema(features=True, drift=True, unknown=True, prediction_set=True)


def test_columns_of_scores() -> None:
    """The pages about scoring and about files name the columns of scores in their order."""
    first = [cells[0] for cells in table(SCORE.read_text(), "| column |")]
    assert [name for cell in first for name in re.findall(r"`(\w+)`", cell)] == WHOLE.names
    (line,) = re.findall(r"writes a row per file: (.*)\.$", FILES.read_text(), re.M)
    assert re.sub(r" \(.*?\)", "", line).split(", ") == WHOLE.names


def test_decisions_have_three_sentences() -> None:
    """Each entry is a decision, a reason and a cost, one sentence each."""
    entries = re.split(r"^### ", DECISIONS.read_text(), flags=re.M)[1:]
    assert len(entries) > 20
    for entry in entries:
        body = re.sub(r"^## .*$", "", entry.split("\n", 1)[1], flags=re.M).strip().splitlines()
        assert [line.split("**")[1] for line in body] == ["Decision.", "Reason.", "Cost."], entry
        for line in body:
            sentence = re.sub(r"`[^`]*`", "x", line.split("** ", 1)[1])
            assert sentence.endswith("."), line
            assert not re.search(r"[.!?] [A-Z]", sentence), line


@cache
def messages() -> str:
    """All string literals of the package, what is formatted into them shown as `…`."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_troubleshooting_quotes_the_code() -> None:
    """Every message of the table is one that the code can say, piece by piece."""
    quoted = [cells[0] for cells in table((DOCS / "how-to/troubleshooting.md").read_text(), "| message |")]
    own = [cell.strip("`") for cell in quoted if "(DVC)" not in cell and "Prefect" not in cell]
    assert len(own) > 15
    pieces = [piece.strip(" ;:,'()") for message in own for piece in message.split("…")]
    assert [piece for piece in pieces if piece not in messages()] == []


SCENES = {"scenes", "buildings", "forest", "glacier", "mountain", "street"}  # the photos of the tutorial


def outputs(text: str, program: str) -> Iterator[str]:
    """Every line that a page shows as what a program printed: below its prompt, up to the next one."""
    for _, lines in fences(text):
        command = ""
        for line in lines:
            if line.startswith("$ "):
                command = line
            elif command.startswith(f"$ {program}"):
                yield line


@cache
def vocabulary() -> frozenset[str]:
    """Every word that the package can say, the names of its tables' columns among them."""
    found = set(re.findall(r"[a-z]+", messages()))
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found |= set(node.target.id.split("_"))
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=ID)
def test_shown_output_is_in_the_words_of_the_code(page: Path) -> None:
    """A word that no message has any more was changed in the code and not on the page."""
    words = {
        word
        for line in outputs(page.read_text(), "frostline")
        for word in re.findall(r"(?<![\w./@-])[a-z]{4,}(?![\w./@-])", line)
    }
    assert words - vocabulary() - SCENES == set()


def test_shown_metrics_are_those_that_dvc_compares() -> None:
    """DVC prints the files that dvc.yaml names as metrics, with the figures that evaluate writes there."""
    shown = [line.split()[:2] for page in PAGES for line in outputs(page.read_text(), "dvc metrics")]
    rows = [(words[0], words[1]) for words in shown if words and words[0].startswith("metrics/")]
    assert rows
    assert all(re.fullmatch(r"metrics/headline/[\w-]+\.json", path) for path, _ in rows)
    written = evaluate._headline(metrics()).items()
    figures = {f"{split}.{name}" for split, values in written if split != "note" for name in values}
    assert {figure for _, figure in rows} <= figures
