"""The one place that hooks a model: read what chosen layers answer, or read, during a forward pass.

Hooks are global to a module, while a widget's callback may run on any thread. So a capture holds the network's lock,
records only the forward pass of its own thread, and removes its hooks whatever happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from .layers import first_tensor
from .shared import AllSeen, Tap

if TYPE_CHECKING:
    from .network import Network


def copied(output: Tensor) -> Tensor:
    """Detach and copy an output, because an in-place ReLU after the layer would overwrite it."""
    return output.detach().clone()


@contextmanager
def capture(
    net: Network,
    layers: Sequence[str | nn.Module],
    *,
    keep: Callable[[Tensor], Any] = copied,
    of: str = "output",
    stop: bool = False,
) -> Iterator[dict[str, list[Any]]]:
    """Record the outputs, or the inputs, of layers while the `with` block runs the network.

    Parameters
    ----------
    net : Network
        The network; its lock is held inside the block.
    layers : sequence of str or nn.Module
        Which layers, by name or module.
    keep : callable
        What to keep of each tensor (N, ...): by default a detached copy. A reduction here saves memory.
    of : {"output", "input"}
        Whether to record what the layers answer or what they read.
    stop : bool
        Leave the forward pass as soon as every layer has answered as often as the dry run saw; the rest of the
        network is then not computed, and the block ends there.

    Yields
    ------
    dict of str to list
        For each layer name what was kept, one entry per call; empty for a layer that was not reached.

    Raises
    ------
    ValueError
        For an unknown layer, one that the forward pass never calls, or something else to record.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> with dv.capture(net, ["conv1"]) as seen:
    ...     _ = net.forward(net.inputs(images[:2]))
    >>> len(seen["conv1"]), seen["conv1"][0].shape[0]
    (1, 2)
    """
    if of not in ("output", "input"):
        raise ValueError(f"What is recorded is the 'output' or the 'input' of a layer; {of!r} is neither.")
    chosen = [net.layer(layer) for layer in layers]
    seen: dict[str, list[Any]] = {layer.name: [] for layer in chosen}
    wanted = sum(layer.called for layer in chosen)
    thread = threading.get_ident()

    def record(name: str) -> Callable[[nn.Module, Any, dict[str, Any], Any], None]:
        def hook(_module: nn.Module, args: Any, keywords: dict[str, Any], output: Any) -> None:
            if threading.get_ident() != thread or net.sharing.recording:
                return
            tensor = first_tensor(output if of == "output" else (*args, *keywords.values()))
            if tensor is not None:
                seen[name].append(keep(tensor))
            if stop and sum(map(len, seen.values())) >= wanted:
                raise AllSeen
        return hook

    handles: list[Any] = []
    tap = Tap(list(seen), of, keep, stop, seen)
    with net.lock:
        try:
            net.sharing.taps.append(tap)
            for name in seen:
                handles.append(net.module(name).register_forward_hook(record(name), with_kwargs=True))
            yield seen
        except AllSeen:
            pass
        finally:
            net.sharing.taps.remove(tap)
            for handle in handles:
                handle.remove()
