"""What a scan is made of, the network to its last weight, settings and images: so that another one is told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
import torchvision

from ...network import Network
from .answers import Rows
from .batches import Batches
from .streaming import Rules

__all__ = ["about", "settings", "weights_hash"]


def weights_hash(net: Network) -> str:
    """Hash every parameter and buffer of a network: names, types, shapes and values to the last bit.

    Where a tensor lies (device, memory format, shared storage) does not matter.

    Parameters
    ----------
    net : Network

    Returns
    -------
    str
        `"sha256:"` and 64 hexadecimal digits.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches.fingerprint import weights_hash
    >>> weights_hash(dv.demo.digits()[0]) == weights_hash(dv.demo.digits()[0])
    True
    """
    found = hashlib.sha256()
    with net.lock:
        model = net.model
        named = chain(model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False))
        for name, tensor in sorted(named, key=lambda pair: pair[0]):
            values = tensor.detach().to("cpu")
            values = values.to_dense() if values.layout is not torch.strided else values
            found.update(f"{name}\0{values.dtype}\0{tuple(values.shape)}\0".encode())
            found.update(values.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return f"sha256:{found.hexdigest()}"


def about(net: Network) -> dict[str, Any]:
    """Say what was scanned and with what, for the index."""
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": np.__version__}
    return {
        "network": net.name, "weights": weights_hash(net), "input_size": tuple(net.input_size),
        "preprocessing": _preprocessing(net), "versions": versions,
    }


def _preprocessing(net: Network) -> str:
    if net.transform is None:
        return "values from 0 to 1"
    if net.normalisation is None:
        return "as the network's transform gives them"
    mean, std = ([round(value, 6) for value in values.tolist()] for values in net.normalisation)
    return f"as the network's transform gives them, normalised with mean {mean} and standard deviation {std}"


def settings(known: dict[str, Any], batches: Batches, tables: Sequence[Rows], rules: Rules) -> dict[str, Any]:
    """List all that the result of a scan depends on, given what `about` says of its network."""
    images = hashlib.sha256()
    for image, name in zip(batches.ids, batches.images.names, strict=True):
        images.update(f"{image}\0{name}\0".encode())
    return {
        **{name: known[name] for name in ("network", "weights", "preprocessing", "input_size")},
        "k": rules.k, "per_image": rules.per_image, "order": rules.order, "overlap": rules.overlap,
        "batch_size": batches.size, "number of images": batches.total, "images": images.hexdigest(),
        "layers": [list(rows.key) for rows in tables], "directions": [_hash(rows) for rows in tables],
    }


def _hash(rows: Rows) -> str:
    vectors = b"" if rows.vectors is None else rows.vectors.numpy().tobytes()
    return hashlib.sha256("\0".join(rows.names).encode() + vectors).hexdigest()
