"""code.yaml: the code and the package versions that a project's results were, or will be, computed by.

Every stage of dvc.yaml depends on its own section. `frostline lock` writes the file for what is installed; a stage
refuses to run where the two differ, so that dvc.lock never names other code than the code that ran.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline import files, paths
from frostline.errors import InputError
from frostline.pipeline import code_digest

CODE = Path("code.yaml")
STAGES = ("weights", "preprocess", "train", "evaluate", "export", "compare")
HEADER = """\
# What results depend on beside data and parameters: for each stage a digest of the code that it can reach and the
# versions of the packages that compute in it; last, the files that frostline itself wrote, so that it knows which
# of them somebody edited. Written by `frostline lock`; commit it, do not edit it.
"""

Sections = Mapping[str, Mapping[str, Any]]  # stage → {"code": 64 hex digits, "packages": {name: version}}


def installed() -> dict[str, dict[str, Any]]:
    """The sections for what is installed here."""
    return {name: code_digest.stage(name) for name in STAGES}


def read(path: Path = CODE) -> dict[str, Any]:
    """The sections of a project's file; {} where there is none or it is damaged: both are mended by `lock`."""
    try:
        sections = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        return {}
    return sections if isinstance(sections, dict) else {}


def text(sections: Sections, written: Mapping[str, str]) -> str:
    """The file's one text: the same sections, the same bytes; `written` are files of the project by SHA-256."""
    lines = []
    for name, section in sections.items():
        packages = [f'    {package}: "{version}"' for package, version in section["packages"].items()]
        lines += [f"{name}:", f'  code: "{section["code"]}"']
        lines += ["  packages:", *packages] if packages else ["  packages: {}"]
    if written:
        lines += ["files:", *(f'  {path}: "{digest}"' for path, digest in written.items())]
    return HEADER + "\n".join(lines) + "\n"


def write(sections: Sections, written: Mapping[str, str], path: Path = CODE) -> None:
    """Write the file, whole or not at all."""
    files.write_text(path, text(sections, written))


def require(stage: str, path: Path = CODE) -> None:
    """Refuse to compute a stage by other code or packages than the file names: InputError with the way out."""
    if not path.is_file():
        paths.find_root(path.absolute().parent)
        raise InputError(f"{path} is missing in this project; write it: frostline lock")
    if changes := differences(read(path).get(stage), code_digest.stage(stage)):
        raise InputError(
            f"{stage}: {path} names other code than is installed ({', '.join(changes)}); "
            "run `frostline lock`, then `dvc repro`"
        )


def differences(before: Any, after: Mapping[str, Any]) -> list[str]:
    """What differs between two sections of a stage, in a few words each."""
    if not isinstance(before, dict) or not isinstance(packages := before.get("packages"), dict):
        return ["not locked yet"]
    versions = [
        f"{name} {packages.get(name) or 'none'} → {after['packages'].get(name) or 'none'}"
        for name in sorted({*packages, *after["packages"]})
        if packages.get(name) != after["packages"].get(name)
    ]
    return [*(["code changed"] if before.get("code") != after["code"] else []), *versions]
