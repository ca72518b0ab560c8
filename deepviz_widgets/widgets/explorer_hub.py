"""What all panels of an explorer share, how a change reaches them, and how it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import traitlets as t

from ..images import ImageSet
from ..network import Network
from ..words import count
from .base import ClassIndex, ImageIds, ImageIndex, LayerName, Switched, Widget
from .explorer_bonds import SHARED, Bond
from .explorer_state import History
from .job import STATES
from .stills import Pictured

ARRANGEMENTS = ("auto", "tabs", "grid")
_OF_TARGET = ("occlusion", "scores")  # panels that need to know the class


class Hub(Pictured, ipywidgets.VBox):
    """The part of `Explorer` that holds what is shown and chosen, and brings its panels to it."""

    image = ImageIndex(0, help="Index of the image.")
    layer = LayerName("", help="Name of the layer.")
    channel = t.Int(0, help="The chosen unit of the layer.")
    target = ClassIndex(0, help="The class in question.")
    selected = ImageIds(help="The chosen images.")
    switches = Switched(help="Units that answer otherwise: [layer, unit, value].")
    marks = t.Bool(False, help="Whether choosing a unit selects the images of its patches.")
    status = t.Enum(STATES, "idle", help="What the panels on screen are doing.")
    progress = t.Float(0.0, help="Share of their work that is done, 0-1.")
    error = t.Unicode("", help="What went wrong, in words.")

    _net: Network | None = None
    _lab: Network | None = None
    _images: ImageSet | None = None
    _why_unknown = classmethod(Widget._why_unknown.__func__)
    _keywords = classmethod(Widget._keywords.__func__)
    _ready = False
    _depth = 0
    _own_target = False

    def __init__(self, net: Network, images: ImageSet, **options: Any):
        self._net, self._images = net, images
        self._lab = net.switched({})  # the same model; what is switched here is switched nowhere else
        self._bonds: dict[str, Bond] = {}
        self._history = History()
        super().__init__(**options)

    @property
    def network(self) -> Network:
        """The network; raises once the explorer is closed."""
        if self._net is None:
            raise RuntimeError(f"This {type(self).__name__} is closed; make a new one.")
        return self._net

    @property
    def images(self) -> ImageSet:
        """The images."""
        self.network  # noqa: B018  says so if the explorer is closed
        assert self._images is not None
        return self._images

    # ---------------------------------------------------------------- a change

    @t.validate("channel")
    def _valid_channel(self, proposal: Any) -> int:
        value, there = proposal["value"], self._channels()
        if not 0 <= value < there:
            raise t.TraitError(f"There is no channel {value}; layer {self.layer!r} has {count(there)}, counted from 0.")
        return value

    def _channels(self) -> int:
        return self._net.layer(self.layer).layout.channels if self._net is not None and self.layer else 1 << 30

    @t.observe(*SHARED)
    def _changed(self, change: Any) -> None:
        if not self._ready or self._net is None:
            return
        name = change["name"]
        with self.one_step():
            if name == "layer" and self.channel >= self._channels():
                self.channel = 0
            self._before_push(name)
            for bond in list(self._bonds.values()):
                bond.push(name)
            if name == "target":
                self._own_target = True
            if name in ("image", "switches"):
                self._find_target()
            self._after_push(name)

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Take all that changes inside for one step, to be undone together."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth and self._ready and self._net is not None:
                self._history.note(self._moment())
                self._told()

    def take(self, name: str, value: Any) -> None:
        """Take over what was chosen in a panel; what only the panel has is left alone."""
        try:
            setattr(self, name, value)
        except t.TraitError:
            return

    def go(self, layer: Any = None, channel: int | None = None) -> None:
        """Go to a layer, and to one of its units."""
        with self.one_step():
            if layer is not None:
                self.layer = layer
            if channel is not None:
                self.channel = channel

    def _before_push(self, name: str) -> None:
        """Prepare what panels will ask for."""

    def _after_push(self, name: str) -> None:
        """Follow a change that all panels have heard of."""

    def _told(self) -> None:
        """Tell the page, after a change was taken in whole."""

    # ---------------------------------------------------------------- the class in question

    def _find_target(self) -> None:
        """Take the most probable class of the image, until one is chosen and where a panel asks for it."""
        if self._own_target or not any(self._bonds[name].tied for name in _OF_TARGET if name in self._bonds):
            return
        try:
            best = int(self._lab.scores([self.images[self.image]]).confidences[0].argmax())
        except (ValueError, RuntimeError, LookupError):
            return  # the panels say what is wrong
        self.target = best
        self._own_target = False

    def most_probable(self) -> None:
        """Take the most probable class of each image again, whatever was chosen."""
        with self.one_step():
            self._own_target = False
            self._find_target()

    # ---------------------------------------------------------------- undo

    def _moment(self) -> dict[str, Any]:
        """Return what `undo` brings back."""
        return {"image": self.image, "layer": self.layer, "channel": self.channel,
                "target": self.target if self._own_target else None, "selected": list(self.selected),
                "switches": self.switches}

    def undo(self) -> bool:
        """Take back the last change of image, layer, unit, class, selection or switch; False where there is none."""
        return self._return_to(self._history.back())

    def redo(self) -> bool:
        """Make the change again that was undone last; False where there is none."""
        return self._return_to(self._history.forth())

    def _return_to(self, moment: dict[str, Any] | None) -> bool:
        self.network  # noqa: B018
        if moment is None:
            return False
        self._put(moment)
        self._told()
        return True

    def _put(self, moment: dict[str, Any]) -> None:
        """Show a moment, without a step for it in the history."""
        self._depth += 1  # the step is taken already
        try:
            self.layer = moment["layer"]
            for name in ("switches", "channel", "image", "selected"):
                setattr(self, name, moment[name])
            self._own_target = False
            if moment["target"] is None:
                self._find_target()
            else:
                self.target = moment["target"]
                self._own_target = True
        finally:
            self._depth -= 1
