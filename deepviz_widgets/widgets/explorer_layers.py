"""Which layer a panel shows where the chosen one has nothing for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def nearest(names: Sequence[str], there: Collection[str], layer: str) -> str:
    """Return the layer itself where the panel can show it, else the one nearest to it in call order.

    That is the last one inside it, so that a block is shown by what it ends with; else the last one before it, whose
    answer it reads (the convolution before a ReLU); else the first one after it. '' where there is none.

    Parameters
    ----------
    names : sequence of str
        All layers in call order.
    there : collection of str
        Those that can be shown.
    layer : str

    Examples
    --------
    >>> nearest(["conv1", "relu", "fc"], ["conv1", "fc"], "relu")
    'conv1'
    """
    if layer in there or layer not in names:
        return layer if layer in there else ""
    inside = [name for name in names if name in there and name.startswith(f"{layer}.")]
    at = list(names).index(layer)
    before = [name for name in names[:at] if name in there]
    after = [name for name in names[at:] if name in there]
    return (inside[-1:] or before[-1:] or after[:1] or [""])[0]
