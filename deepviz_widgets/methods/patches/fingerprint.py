"""A hash of all weights of a network, the same on every device and in every process."""

from __future__ import annotations

import hashlib
from itertools import chain

import torch

from ...network import Network

__all__ = ["weights_hash"]


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
