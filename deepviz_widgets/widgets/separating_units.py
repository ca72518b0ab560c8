"""`SeparatingUnits`: which units of a layer tell the chosen images from the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.embedding import features
from ..methods.separation import Separation, separation
from ..network import Network
from ..words import count, plural
from .base import ImageIds, LayerName, Widget, bundle, code

_MOST = 24  # units that are listed
_LAYERS_KEPT = 4


class SeparatingUnits(Widget):
    """The units of a layer that tell the chosen images from the rest, the clearest first.

    How clearly is Cliff's delta, see `methods.separation.separation`; what a unit answers to an image is the mean over
    its map.

    Parameters
    ----------
    net : Network
    photos : ImageSet, folder, Dataset, array or list of images
    layer : str, nn.Module or widget, optional
        Whose units; the last layer before the class scores by default. A widget that has a `layer` is followed.
    selected : list of int or widget
        Which images. A widget that has `selected`, such as an EmbeddingMap, is followed.
    known : callable, optional
        Returns a dict of layer to answers (N, F) that were read before, with the images that they are of (N,).

    Attributes
    ----------
    layer, selected
        As above; readable, settable and linkable.
    unit : int
        The chosen unit; -1 for none.
    separation : Separation or None

    Raises
    ------
    TypeError
        Without photos.
    TraitError
        For an unknown layer or image.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> found = dv.SeparatingUnits(net, images[:60], layer="conv2", selected=range(20))
    >>> found.wait()
    >>> abs(found.separation.effect[found.separation.order[0]]) <= 1
    True
    """

    _code = code("separating_units.js")
    _css = bundle("separating_units.css")

    layer = LayerName("", help="Whose units.").tag(sync=True)
    unit = t.Int(-1, min=-1, help="The chosen unit; -1 for none.").tag(sync=True)
    selected = ImageIds(help="Which images are told from the rest.").tag(sync=True)
    _layers = t.List().tag(sync=True)
    _rows = t.List().tag(sync=True)
    _about = t.Dict().tag(sync=True)

    def __init__(
        self, net: Network, photos: Any = None, *, layer: Any = None, selected: Any = (),
        known: Callable[[], Mapping[str, tuple[Any, Any]]] = dict, **unknown: Any,
    ):
        super().__init__(net, **unknown)
        if photos is None:
            raise TypeError("SeparatingUnits needs photos: a folder, a Dataset, an array or a list of images.")
        self._images, self._known = as_images(photos), known
        self._read: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._separation: Separation | None = None
        self.layout.flex = "1 1 320px"
        with self.hold_sync():
            self._layers = [row.name for row in net.layers if row.layout.kind != "other"]
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = self._usual_layer()
            self.layer = self._usual_layer() if layer is None else layer
            self.selected = selected.selected if isinstance(selected, t.HasTraits) else selected
        self._follow(layer, "layer")
        self._follow(selected, "selected")
        self._restart()

    @property
    def separation(self) -> Separation | None:
        """Of all units, once they were read; None without a selection."""
        return self._separation

    # ---------------------------------------------------------------- state

    @t.observe("layer", "selected")
    def _on_question(self, change: Any) -> None:
        if self._net is None or self._images is None:
            return
        if change["name"] == "layer":
            self.unit = -1
        self._restart()

    def _usual_layer(self) -> str:
        net = self.network
        before = [layer.name for layer in net.layers if tuple(layer.shape) != tuple(net.scores_shape)]
        return (before or [layer.name for layer in net.layers])[-1]

    def _forget_weights(self) -> None:
        self._read.clear()

    def _release(self) -> None:
        self._images = self._separation = None
        self._read.clear()
        self._known = dict

    def _complete(self) -> None:
        self.wait()

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        yield f"{plural(len(self.selected), 'image')} selected"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        return self._compute() if self.layer else None

    def _compute(self) -> Iterator[Any]:
        """Read what the layer answers where that is not known, then compare."""
        layer = self.layer
        if not self.selected:
            yield None
            return
        found = self._read.get(layer) or self._known().get(layer)
        if found is None:
            for so_far in features(self.network, self._images, layer):
                yield so_far.done, so_far.total
            found = so_far.values, so_far.images
        self._read[layer] = self._read.pop(layer, found)  # the latest last
        while len(self._read) > _LAYERS_KEPT:
            self._read.pop(next(iter(self._read)))
        values, images = found
        yield separation(values, np.flatnonzero(np.isin(images, self.selected)))

    def _publish(self, result: Any) -> None:
        with self.hold_sync():
            if isinstance(result, tuple):
                self.progress = result[0] / max(1, result[1])
                self._doing = f"{count(result[0])} of {plural(result[1], 'image')} read"
                return
            self._separation = result
            self._about, self._rows = ({}, []) if result is None else self._told(result)

    def _told(self, found: Separation) -> tuple[dict[str, Any], list[list[Any]]]:
        about = {"layer": self.layer, "selected": found.selected, "others": found.others, "units": len(found.effect)}
        values = (found.effect, found.inside, found.outside)
        first = found.order[:_MOST].tolist()
        return about, [[unit, *(float(part[unit]) for part in values), found.word(unit)] for unit in first]
