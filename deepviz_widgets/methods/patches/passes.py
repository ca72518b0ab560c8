"""The forward passes of a scan: each layer is reduced as soon as it answers, so that nothing is copied or kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from ...capture import capture
from ...network import Network, NetworkError
from ..receptive_field import receptive_fields
from .answers import OddError, Rows, flattened, projected
from .batches import Group
from .places import Places, places_of
from .relevance import relevant
from .streaming import Answer, Batch, Best, Rules, added, look

__all__ = ["Passes"]

Size = tuple[int, int]


class Passes:
    """Runs batches through the network and reduces what its layers answer.

    Parameters
    ----------
    tables : sequence of Rows
        Their rows lie below each other in the state, at `spans`.
    strict : bool
        Whether a layer whose answer does not keep the images apart is an error, or left out.
    """

    def __init__(self, net: Network, tables: Sequence[Rows], rules: Rules, *, strict: bool):
        self.net, self.rules, self.strict = net, rules, strict
        ends = pairwise(accumulate((len(rows.names) for rows in tables), initial=0))
        self.spans = {rows.key: slice(*ends_of) for rows, ends_of in zip(tables, ends, strict=True)}
        self.by_layer: dict[str, list[Rows]] = {}
        for rows in tables:
            self.by_layer.setdefault(rows.layer.name, []).append(rows)

    @property
    def units(self) -> int:
        """How many rows all tables have."""
        return max(span.stop for span in self.spans.values())

    def expected(self) -> dict[str, Places]:
        """Return the places of each layer for images of the network's own size, before any was seen."""
        net, known = self.net, receptive_fields(self.net)
        layers = [rows[0].layer for rows in self.by_layer.values()]
        return {
            layer.name: places_of(known.get(layer.name), layer.layout.grid, layer.shape, net.input_size[1:])
            for layer in layers
        }

    def run(
        self, best: Best, groups: Sequence[Group], known: Mapping[Size, Mapping[str, Places]], odd: frozenset[str]
    ) -> tuple[Best, dict[Size, dict[str, Places]], frozenset[str]]:
        """Return the state after a batch, the places of each layer by size of image, and what cannot be scanned."""
        places: dict[Size, dict[str, Places]] = {}
        for group in groups:
            one = _OnePass(self, best, group, known, odd)
            best, odd = one.run(), odd | one.odd
            places[one.size] = one.places
        return best, places, odd


class _OnePass:
    """One forward pass."""

    def __init__(
        self, owner: Passes, best: Best, group: Group, known: Mapping[Size, Mapping[str, Places]], odd: frozenset[str]
    ):
        self.owner, self.group, self.rules = owner, group, owner.rules
        self.batch = Batch.of(best, owner.rules, group.ids)
        self.size: Size = (group.inputs.shape[-2], group.inputs.shape[-1])
        self.known = known.get(self.size, {})
        self.layers = [rows[0].layer for name, rows in owner.by_layer.items() if name not in odd]
        self.left = {layer.name: layer.called for layer in self.layers}
        self.answers: list[Answer] = []
        self.places: dict[str, Places] = {}
        self.odd: set[str] = set()

    def run(self) -> Best:
        net, inputs = self.owner.net, self.group.inputs
        self.fields = {} if self.known else receptive_fields(net, tuple(inputs.shape[1:]))
        if self.rules.order.startswith("relevance"):
            relevant(net, inputs, self.group.labels, self.layers, self._reduce)
        else:
            with ExitStack() as stack:
                for layer in self.layers:
                    stack.enter_context(capture(net, [layer.name], keep=partial(self._answered, layer.name)))
                stack.enter_context(capture(net, [layer.name for layer in self.layers], keep=_nothing, stop=True))
                net.forward(inputs)
        self._check()
        return added(self.batch, self.answers)

    def _answered(self, name: str, output: Tensor) -> None:
        """Reduce the last call of a layer."""
        self.left[name] -= 1
        if self.left[name] == 0:
            self._reduce(name, output)

    def _reduce(self, name: str, output: Tensor, ranked: Tensor | None = None) -> None:
        layer, images = self.owner.by_layer[name][0].layer, len(self.group.ids)
        try:
            flat, grid, shape = flattened(layer, output, self.group.inputs)
            rank = None if ranked is None else flattened(layer, ranked, self.group.inputs)[0][:images]
        except OddError:
            self.odd.add(name)  # raised after the pass: an error in here would read as one of the network
            return
        places = self.places[name] = self._places(name, grid, shape)
        several = self.rules.per_image > 1 and flat.shape[2] > 1
        boxes = torch.from_numpy(places.all()).to(flat.device) if several else None
        for rows in self.owner.by_layer[name]:
            values = flat[:images] if rows.vectors is None else projected(rows.vectors, flat)[:images]
            self.answers.append(look(self.batch, self.owner.spans[rows.key], values, rank, boxes))

    def _places(self, name: str, grid: tuple[int, int], shape: tuple[int, ...]) -> Places:
        known = self.known.get(name)
        if known is not None and known.grid == grid and known.shape == shape:
            return known
        return places_of(self.fields.get(name), grid, shape, self.size)

    def _check(self) -> None:
        """Raise for a layer that cannot be scanned, or was not called as often as when the network was made."""
        for layer in self.layers:
            if layer.name in self.odd and self.owner.strict:
                raise NetworkError(
                    f"Layer {layer.name!r} does not answer each image of a batch by itself, so it cannot be scanned; "
                    "leave it out, or give batch_size=1."
                )
            if layer.name not in self.odd and layer.name not in self.places:
                raise NetworkError(
                    f"For these images the network did not call layer {layer.name!r} as often as when it was made; "
                    "leave that layer out."
                )


def _nothing(_output: Tensor) -> None:
    """Keep nothing."""
