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
    state = _read(Path(weights)) if weights is not None and _is_file(weights) else None
    entry = _entry(name, weights) if state is None else _fitting(name, state)
    names = list(classes) if classes is not None else list(entry.meta.get("categories", [])) or None
    if weights is None or state is not None:
        model = _build(name, entry, names)
        if state is not None:
            _fill(model, state, name, Path(str(weights)))
    else:
        model = _downloaded(name, entry)
    return model, entry.transforms(), names


def _is_file(weights: str | Path) -> bool:
    return isinstance(weights, Path) or weights.endswith(_FILES) or Path(weights).is_file()


def _entry(name: str, weights: str | Path | None) -> Any:
    entries = torchvision.models.get_model_weights(name)
    if weights is None or _is_file(weights) or weights == "DEFAULT":
        return entries.DEFAULT
    if weights not in entries.__members__:
        raise ValueError(no_such(f"weights of {name}", weights, list(entries.__members__)))
    return entries[str(weights)]


def _fitting(name: str, state: dict[str, Tensor]) -> Any:
    """Find the registry's entry whose image size a vision transformer's file was trained on; others have just one."""
    entries = torchvision.models.get_model_weights(name)
    places = state.get("encoder.pos_embedding")
    if places is None or not name.startswith("vit_"):
        return entries.DEFAULT
    patch = int(name.rsplit("_", 1)[-1])
    sides = {entry: entry.meta["min_size"][0] // patch for entry in (entries.DEFAULT, *entries)}
    return next((entry for entry, side in sides.items() if side * side + 1 == places.shape[1]), entries.DEFAULT)


def _build(name: str, entry: Any, names: list[str] | None) -> nn.Module:
    settings: dict[str, Any] = {"num_classes": len(names) if names else 1000}
    if name.startswith("vit_"):
        settings["image_size"] = entry.meta["min_size"][0]  # its position embedding is made for one size
    with warnings.catch_warnings():  # GoogLeNet and Inception warn of their own future defaults
        warnings.simplefilter("ignore", FutureWarning)
        return torchvision.models.get_model(name, weights=None, **settings).eval()


def _downloaded(name: str, entry: Any) -> nn.Module:
    try:
        return torchvision.models.get_model(name, weights=entry).eval()
    except (OSError, RuntimeError) as error:  # no network, a proxy's refusal, or a broken download
        file = entry.url.rsplit("/", 1)[-1]
        raise NetworkError(
            f"The weights of {name} could not be downloaded ({first_line(error)}). Download {entry.url} where that "
            f"works, and load the file: Network.pretrained({name!r}, weights={file!r})."
        ) from error


def _fill(model: nn.Module, state: dict[str, Tensor], name: str, path: Path) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise NetworkError(_why_not(name, path, model.state_dict(), state)) from error


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
            f"{path.name} has {plural(have, 'class')}, {name} here has {count(len(wanted[differ[-1]]))}; "
            f"give the {have} class names: Network.pretrained({name!r}, weights=..., classes=[...])."
        )
    return (
        f"{path.name} does not fit {name}: {len(wanted) - len(both)} of its {count(len(wanted))} tensors are missing, "
        f"{len(state) - len(both)} are unknown and {len(differ)} have another shape."
    )
