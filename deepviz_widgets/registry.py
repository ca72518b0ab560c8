"""torchvision's classifiers by name, with weights from its registry, from a local file, or random."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from .scores import NetworkError
from .words import count, first_line, no_such, plural

_FILES = (".pth", ".pt", ".bin", ".safetensors")


def load(
    name: str, weights: str | Path | None, classes: Sequence[str] | None
) -> tuple[nn.Module, Any, list[str] | None]:
    """Build a classifier; return it with its transform and class names."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(no_such("torchvision classifier", name, known))
    entry = _entry(name, weights)
    names = list(classes) if classes is not None else list(entry.meta.get("categories", [])) or None
    if weights is None:
        return _build(name, names), entry.transforms(), names
    if _is_file(weights):
        return _from_file(name, Path(weights), names), entry.transforms(), names
    return _downloaded(name, entry), entry.transforms(), names


def _is_file(weights: str | Path) -> bool:
    return isinstance(weights, Path) or weights.endswith(_FILES) or Path(weights).is_file()


def _entry(name: str, weights: str | Path | None) -> Any:
    entries = torchvision.models.get_model_weights(name)
    if weights is None or _is_file(weights) or weights == "DEFAULT":
        return entries.DEFAULT
    if weights not in entries.__members__:
        raise ValueError(no_such(f"weights of {name}", weights, list(entries.__members__)))
    return entries[str(weights)]


def _build(name: str, names: list[str] | None) -> nn.Module:
    with warnings.catch_warnings():  # GoogLeNet and Inception warn of their own future defaults
        warnings.simplefilter("ignore", FutureWarning)
        return torchvision.models.get_model(name, weights=None, num_classes=len(names) if names else 1000).eval()


def _downloaded(name: str, entry: Any) -> nn.Module:
    try:
        return torchvision.models.get_model(name, weights=entry).eval()
    except (OSError, RuntimeError) as error:  # no network, a proxy's refusal, or a broken download
        file = entry.url.rsplit("/", 1)[-1]
        raise NetworkError(
            f"The weights of {name} could not be downloaded ({first_line(error)}). Download {entry.url} where that "
            f"works, and load the file: Network.pretrained({name!r}, weights={file!r})."
        ) from error


def _from_file(name: str, path: Path, names: list[str] | None) -> nn.Module:
    model, state = _build(name, names), _read(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise NetworkError(_why_not(name, path, model.state_dict(), state)) from error
    return model


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise NetworkError(f"There is no file {str(path)!r} with weights.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the readers raise almost anything
        raise NetworkError(f"{path.name} cannot be read as a state_dict: {first_line(error)}.") from error
    for key in ("state_dict", "model", "model_state_dict"):  # the usual wrappers of training scripts
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        raise NetworkError(f"{path.name} holds a {type(state).__name__}, not a state_dict of tensors.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _why_not(name: str, path: Path, wanted: dict[str, Tensor], state: dict[str, Tensor]) -> str:
    both = [key for key in wanted if key in state]
    differ = [key for key in both if wanted[key].shape != state[key].shape]
    if len(both) == len(wanted) and differ and all(len(state[key]) == len(state[differ[-1]]) for key in differ):
        have = len(state[differ[-1]])
        return (
            f"{path.name} has {plural(have, 'class')}es, {name} here has {count(len(wanted[differ[-1]]))}; "
            f"give the {have} class names: Network.pretrained({name!r}, weights=..., classes=[...])."
        )
    return (
        f"{path.name} does not fit {name}: {len(wanted) - len(both)} of its {count(len(wanted))} tensors are missing, "
        f"{len(state) - len(both)} are unknown and {len(differ)} have another shape."
    )
