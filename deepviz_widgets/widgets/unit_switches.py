"""`UnitSwitches`: turn units off or hold them at a value, and see what the network is without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import traitlets as t

from ..images import as_images
from ..methods.confusion import Confusion, confusion
from ..network import Network
from ..switches import as_dict
from ..words import count, plural
from .base import ImageIds, LayerName, Switched, Widget, bundle, code


class UnitSwitches(Widget):
    """Units turned off, or held at a value, and the accuracy with and without them.

    The model itself is never changed: the switches hold inside the passes of `altered` alone.

    Parameters
    ----------
    net : Network
    photos : ImageSet, folder, Dataset, array or list of images
    layer : str, nn.Module or widget, optional
        The layer of the unit that is offered. A widget that has a `layer` is followed.
    channel : int or widget
        The unit that is offered. A widget that has a `channel` is followed.
    switches : dict of layer to units, or list of [layer, unit, value]
        As for `Network.switched`.

    Attributes
    ----------
    layer, channel, switches
        As above; readable, settable and linkable.
    selected : list of int
        The chosen images; the page sets it to those that change their class.
    altered : Network
        The network with the switches.
    before, after : Confusion or None
        What the network says of the images without and with the switches, once known.

    Raises
    ------
    TypeError
        Without photos.
    TraitError
        For an unknown layer or unit.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> found = dv.UnitSwitches(net, images[:40], switches={"conv2": range(16)})
    >>> found.wait()
    >>> found.before.accuracy > found.after.accuracy
    True
    """

    _code = code("unit_switches.js")
    _css = bundle("unit_switches.css")

    layer = LayerName("", help="The layer of the unit that is offered.").tag(sync=True)
    channel = t.Int(0, min=0, help="The unit that is offered.").tag(sync=True)
    switches = Switched(help="Units that are switched: [layer, unit, value].").tag(sync=True)
    selected = ImageIds(help="The chosen images.").tag(sync=True)
    _units = t.Dict().tag(sync=True)
    _effect = t.Dict().tag(sync=True)

    def __init__(
        self, net: Network, photos: Any = None, *, layer: Any = None, channel: Any = 0, switches: Any = (),
        **unknown: Any,
    ):
        super().__init__(net, **unknown)
        if photos is None:
            raise TypeError("UnitSwitches needs photos: a folder, a Dataset, an array or a list of images.")
        self._images = as_images(photos)
        self._before: Confusion | None = None
        self._after: Confusion | None = None
        self.layout.flex = "1 1 320px"
        with self.hold_sync():
            self._units = {row.name: row.layout.channels for row in net.layers if row.layout.kind != "other"}
            self.layer = next(iter(self._units), "") if layer is None else layer
            self.channel = channel.channel if isinstance(channel, t.HasTraits) else channel
            self.switches = switches
        self._follow(layer, "layer")
        self._follow(channel, "channel")
        self._restart()

    @property
    def altered(self) -> Network:
        """The network with the switches; for other widgets: `dv.ClassScores(found.altered, photos)`."""
        return self.network.switched(as_dict(self.switches))

    @property
    def before(self) -> Confusion | None:
        """What the whole network says of the images."""
        return self._before

    @property
    def after(self) -> Confusion | None:
        """What the network says with the switches as they are."""
        return self._after

    # ---------------------------------------------------------------- state

    @t.observe("switches")
    def _on_switches(self, _change: Any) -> None:
        if self._net is not None and self._images is not None:
            self._after = None
            self._restart()

    def _forget_weights(self) -> None:
        self._before = self._after = None

    def _release(self) -> None:
        self._images = self._before = self._after = None

    def _complete(self) -> None:
        self.wait()

    def _summary(self) -> Iterator[str]:
        yield f"{plural(len(self.switches), 'unit')} switched"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        return self._compute()

    def _compute(self) -> Iterator[tuple[str, Confusion]]:
        if self._before is None:
            for found in confusion(self.network, self._images):
                yield "before", found
        if not self.switches:
            yield "after", self._before
            return
        for found in confusion(self.altered, self._images):
            yield "after", found

    def _publish(self, result: tuple[str, Confusion]) -> None:
        which, found = result
        whole = found.done == found.total
        if whole:
            setattr(self, f"_{which}", found)
        with self.hold_sync():
            self.progress = found.done / max(1, found.total)
            self._doing = f"{count(found.done)} of {plural(found.total, 'image')}"
            if whole:
                self._effect = self._told()

    def _told(self) -> dict[str, Any]:
        """Say what the switches change, as far as known."""
        before, after = self._before, self._after
        told: dict[str, Any] = {"images": before.total, "labelled": int(before.known.sum()), "before": _share(before)}
        if after is not None:
            told |= {"after": _share(after), "changed": after.changed(before).tolist(), "switched": len(self.switches)}
        return told


def _share(found: Confusion) -> float | None:
    return found.accuracy if found.known.any() else None
