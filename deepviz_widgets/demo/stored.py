"""The trained weights that ship with the package: half precision on disk, full precision in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

FOLDER = Path(__file__).parent / "weights"


def save(model: nn.Module, name: str, folder: Path = FOLDER) -> Path:
    """Write `folder/name.safetensors`; return its path."""
    from safetensors.torch import save_file  # noqa: PLC0415

    path = Path(folder) / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: _half(value).contiguous() for key, value in model.state_dict().items()}, path)
    path.chmod(0o644)  # safetensors writes files that only their owner may read
    return path


def load(make: Callable[[], nn.Module], name: str, folder: Path = FOLDER) -> nn.Module:
    """Return a model as `make()` builds it, with the weights of `folder/name.safetensors`, in evaluation mode."""
    from safetensors.torch import load_file  # noqa: PLC0415

    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {str(path)!r}; make it with: python -m deepviz_widgets.demo.train {name}")
    state = {key: value.float() if value.is_floating_point() else value for key, value in load_file(path).items()}
    with torch.device("meta"):  # no weights are drawn, so the random state of the user stays as it was
        model = make()
    model.load_state_dict(state, assign=True)
    return model.eval()


def _half(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float16) if tensor.is_floating_point() else tensor
