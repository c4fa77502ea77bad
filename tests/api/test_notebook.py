"""The notebook of the docs: it uses public names alone, and all of it runs, from a folder to a decision."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import frostline

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
nbformat.write(notebook, "run.ipynb")
"""


def code(notebook: Any) -> list[str]:
    """The source of each code cell, without what goes to a shell."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return ["\n".join(line for line in text.splitlines() if not line.startswith("!")) for text in cells]


def text(cell: Any) -> str:
    """All that a cell printed or showed."""
    outputs = [each.get("text") or each.get("data", {}).get("text/plain", "") for each in cell.outputs]
    return "".join(outputs)


def test_it_is_stored_without_outputs_and_uses_public_names() -> None:
    """What a reader sees comes from a run; no private module is shown to users."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(
        cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code"
    )
    nodes = [node for cell in code(notebook) for node in ast.walk(ast.parse(cell))]
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "frostline"
    }
    assert used <= set(frostline.__all__)
    assert len(used) >= 3
    imported = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    assert not any(str(module).startswith("frostline") for module in imported)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_runs(tmp_path: Path) -> None:
    """Every cell, in an empty folder; random layers say that they are, and the decision is a good one."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FROSTLINE_")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "IPYTHONDIR": str(tmp_path / "ipython")}
    subprocess.run([sys.executable, "-c", RUN, str(NOTEBOOK)], check=True, cwd=tmp_path, env=environment)
    run = nbformat.read(tmp_path / "run.ipynb", as_version=4)
    shown = {cell.source: text(cell) for cell in run.cells if cell.cell_type == "code"}
    assert not any(output.output_type == "error" for cell in run.cells for output in cell.get("outputs", []))
    [features] = [said for source, said in shown.items() if source.endswith("\nfeatures")]
    assert "1797 images" in features
    assert "random weights" in features
    accuracies = [
        float(said.split("(")[-1].rstrip(")")) for source, said in shown.items() if "cross_val" in source
    ]
    assert min(accuracies) > 0.9
    [decision] = [said for source, said in shown.items() if "sorted alone" in source]
    alone, right = (float(word.rstrip("%")) for word in decision.split() if word.endswith("%"))
    assert alone > 50
    assert right > 96
    [errors] = [said for source, said in shown.items() if source == "scores.errors"]
    assert "broken.png" in errors
