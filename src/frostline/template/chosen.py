"""What `frostline search` writes into params.yaml: a frozen network up to where it was best, a solved head above it."""

from dataclasses import dataclass

from frostline.training import search_heads


@dataclass(frozen=True)
class Chosen:
    """A classifier that a search chose. `why` and `found` are comments of one line each; `end_at` "" is the last layer;
    `onnx` for the taps of an ONNX file; `kind` is a solver of heads, `strength` its C, shrinkage or alpha;
    what is above `freeze` trains afterwards, "" for nothing."""

    name: str
    dataset: str
    weights: str
    why: str
    found: str
    height: int
    width: int
    end_at: str
    onnx: bool
    strength: float
    kind: str = "logistic"
    freeze: str = ""


def entry(chosen: Chosen) -> str:
    """The lines below `classifiers:`."""
    return ENTRY.format(
        name=chosen.name,
        why=chosen.why,
        found=chosen.found,
        dataset=chosen.dataset,
        weights=chosen.weights,
        height=chosen.height,
        width=chosen.width,
        end=chosen.end_at or "null",
        pooling="flatten" if chosen.onnx else "average",
        dense=f"{{hidden: {search_heads.HIDDEN}}}" if chosen.kind == "mlp" else "{}",
        kind=chosen.kind,
        hyperparameter=search_heads.HYPERPARAMETERS[chosen.kind],
        strength=chosen.strength,
    ) + (THAW.format(freeze=chosen.freeze) if chosen.freeze else "")


ENTRY = """\
  # {why}
  # {found}
  # The next `frostline search` writes this entry anew: give it another name to keep it.
  {name}:
    dataset: {dataset}
    weights: {weights}
    image: {{size: {{height: {height}, width: {width}}}, resize: squash, transform: backbone}}
    network:
      type: pretrained
      end_at: {end}
      head: {{pooling: {pooling}, standardize: true, dense: {dense}, dropout: 0.0}}
    augmentation: null
    precision: float32
    training: null
    variants: null
    phases:
      head: {{freeze: all, solver: {kind}, {hyperparameter}: [{strength}]}}
"""
THAW = """\
      thaw: {{freeze: {freeze}, epochs: 3, batch_size: 32, optimizer: adam, learning_rate: 1.0e-05}}
"""
