"""An ONNX file that somebody else wrote, read whole: its graph with all weights in it, and what it says of itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frostline.errors import InputError, first_line
from frostline.files import printable

_NO_MODEL = "is no ONNX file, or only a part of one; fetch it again, or name another"
MOST_BYTES = 2**31 - 2**20  # of a message of protobuf, with room for what is added


def read(source: Path) -> Any:
    """The ONNX model of a file, or of a folder that holds one `.onnx` file and the files of its weights.

    Functions are inlined, initializers are no inputs. InputError of one line where there is none, where weights lie
    elsewhere, and where all of it is beyond what an ONNX file holds.
    """
    path = _file(source)
    model = parsed(path)
    _require_inside(source, path, model)
    _require_small(path, _external(model))
    _fill(path, model)
    return _plain(model)


def beside(path: Path) -> list[str]:
    """The files, as an ONNX file names them, that hold its weights; InputError where it is none."""
    return _external(parsed(path))


def _file(source: Path) -> Path:
    if source.is_dir():
        found = sorted(source.glob("*.onnx"))
        if len(found) != 1:
            raise InputError(
                f"{printable(source)} holds {len(found)} files that end in .onnx; leave one, with its weights beside it"
            )
        return found[0]
    if not source.is_file():
        raise InputError(
            f"{printable(source)} is missing; put or link the ONNX file there, or name another source"
        )
    return source


def parsed(path: Path) -> Any:
    """The ONNX model of a file as it is, without the weights that lie beside it; InputError where it is none."""
    import onnx

    try:
        _require_small(path, [])
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be read: {error.strerror}") from None
    except Exception as error:  # protobuf's
        raise InputError(f"{printable(path)} {_NO_MODEL} ({first_line(error)})") from None
    if not (model.graph.node and model.opset_import):
        raise InputError(f"{printable(path)} {_NO_MODEL}")
    return model


def _external(model: Any) -> list[str]:
    """The files, as the model names them, that hold its weights."""
    from onnx.external_data_helper import uses_external_data

    named = (
        entry.value
        for tensor in _tensors(model)
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    )
    return list(dict.fromkeys(named))


def _tensors(model: Any) -> Iterator[Any]:
    """All tensors with values in a model: initializers, and attributes of nodes, those of graphs inside too."""
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                yield from (
                    tensor for tensor in (attribute.t, *attribute.tensors) if tensor.dims or tensor.data_type
                )
                graphs += [inner for inner in (attribute.g, *attribute.graphs) if inner.node]


def _require_inside(source: Path, path: Path, model: Any) -> None:
    """DVC must see a change of the weights, and nothing outside the folder is anybody's business."""
    names = _external(model)
    if names and not source.is_dir():
        raise InputError(
            f"{printable(path)} keeps its weights in {printable(Path(names[0]))}; put both into a folder of their own "
            f"and name the folder as the source"
        )
    folder = source.resolve()
    for name in names:
        place = (source / name).resolve()
        if folder not in place.parents:
            raise InputError(
                f"{printable(path)} keeps weights in {printable(Path(name))}, outside its folder; put them into it"
            )
        if not place.is_file():
            raise InputError(f"{printable(path)} keeps weights in {printable(Path(name))}, which is missing")


def _require_small(path: Path, beside: list[str]) -> None:
    size = path.stat().st_size + sum((path.parent / name).stat().st_size for name in beside)
    if size > MOST_BYTES:
        raise InputError(
            f"{printable(path)} has {size / 2**30:.1f} GiB with its weights; more than 2 are no single ONNX file, "
            "which an exported model is; take the network in float16, or a smaller one"
        )


def _fill(path: Path, model: Any) -> None:
    import onnx

    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # the checker's and the file system's
        raise InputError(f"{printable(path)}: its weights cannot be read: {first_line(error)}") from None


def _plain(model: Any) -> Any:
    import onnx

    if model.functions:
        import onnx.inliner

        model = onnx.inliner.inline_local_functions(model)
    held = {tensor.name for tensor in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in held]:
        model.graph.input.remove(value)
    return model
