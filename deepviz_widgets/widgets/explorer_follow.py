"""How what happens in an explorer has its consequences: marks, features read once, what the bar tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import traitlets as t

from ..words import plural
from .explorer_panels import Panels


class Following(Panels):
    """The part of `Explorer` that follows a change beyond the panels that show it."""

    bar: Any

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        if self._images is not None:
            yield f"image={self._images.names[self.image]!r}"
        yield f"channel={self.channel}"
        if self.selected:
            yield f"{plural(len(self.selected), 'image')} selected"

    def _before_push(self, name: str) -> None:
        if name == "layer":
            self._share()
        elif name == "switches":
            self._lab.altered = tuple((layer, unit, value) for layer, unit, value in self.switches)

    def _after_push(self, name: str) -> None:
        if name == "switches":
            self._renew()
        elif name in ("layer", "channel") and self.marks:
            self._mark()

    def refresh(self) -> None:
        """Compute anew what all panels show, as the weights of the network have changed: in training, say."""
        self.network  # noqa: B018
        self._lab.sharing.share(self, None)
        self._share()
        for name, panel in self._built.items():
            if hasattr(panel, "refresh"):
                panel.refresh()
            else:
                self._table[name].renew(panel)
        self._find_target()

    def _mark(self) -> None:
        """Select the images of the best patches of the chosen unit, as far as they are known."""
        if "patches" not in self._built:
            return
        table = self._built["patches"].index.tables.get((self.layer, "units"))
        if table is not None and self.channel < len(table.images):
            ids = table.images[self.channel]
            self.selected = sorted({int(one) for one in ids if 0 <= one < len(self.images)})

    @t.observe("marks")
    def _on_marks(self, _change: Any) -> None:
        if self._ready and self.marks:
            with self.one_step():
                self._mark()

    def _known_features(self) -> dict[str, Any]:
        """Return what the map has read of the images, for whoever asks the same."""
        if "map" not in self._built:
            return {}
        atlas = self._built["map"]._atlas
        return {layer: (values, atlas.rows) for layer, values in atlas.values.items() if layer in self.network_layers}

    @property
    def network_layers(self) -> frozenset[str]:
        """Names of the layers of the network."""
        return frozenset(layer.name for layer in self.network.layers)

    def _after_build(self, name: str, panel: Any) -> None:
        if name == "units":
            panel.observe(self._on_unit, "unit")
        if {"units", "map"} <= set(self._built) and name in ("units", "map"):
            self._built["map"].observe(self._on_map_layer, "layer")
            self._on_map_layer()

    def _on_unit(self, change: Any) -> None:
        if change["new"] >= 0:
            self.go(self._built["units"].layer, change["new"])

    def _on_map_layer(self, _change: Any = None) -> None:
        """Tell apart by the layer in which the clusters are seen."""
        if self._built["map"].layer in self.network_layers:
            self._built["units"].layer = self._built["map"].layer

    def _before_shown(self) -> None:
        self._share()

    def _after_shown(self) -> None:
        self._share()
        self._told()

    def _share(self) -> None:
        """Have one forward pass serve all panels: the scores, the maps, and what the kernels read."""
        layers = {self.layer}
        if "kernels" in self._built or "kernels" in self.visible:
            layers.add(self._turned("kernels"))
        self._lab.sharing.share(self, [name for name in layers if name])

    def _turned(self, name: str) -> str:
        """Name the layer that a panel shows in place of the chosen one."""
        if name not in self._turns:
            try:
                self._turns[name] = self._table[name].turns(self)
            except ValueError:  # the panel, when it is made, says why it has nothing to show
                self._turns[name] = {}
        turn = self._turns[name].get("layer")
        return turn(self.layer) if turn else self.layer

    def _told(self) -> None:
        if self._net is None or not self._ready:
            return
        labels, images = self.images.labels, self.images
        label = images._class_name(None if labels is None else int(labels[self.image]))
        self.bar._now = {
            "image": {"name": images.names[self.image], "label": label},
            "can": list(self._history.can), "own": self._own_target,
            "instead": self._turned("kernels") if "kernels" in self._built else self.layer,
        }
        self.bar._panels = [
            {"name": name, "label": entry.label, "why": self._why_not.get(name, "")}
            for name, entry in self._table.items()
        ]
        self._sum_up()
