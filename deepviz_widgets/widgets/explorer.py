"""`Explorer`: the whole laboratory in one cell: every panel looks at the same image, layer, unit and class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import traitlets as t

from ..images import as_images
from ..methods.kernels import Checkpoints
from ..network import Network
from .activation_maps import ActivationMaps
from .base import ClassIndex, ImageIds, ImageWidget, LayerName, bundle, code
from .class_scores import ClassScores
from .confusion_matrix import ConfusionMatrix
from .embedding_map import EmbeddingMap
from .explorer_export import written
from .explorer_follow import Following
from .explorer_layers import nearest
from .explorer_panels import Panel, closed
from .explorer_state import VERSION, as_state, fragment, indices, ranges
from .kernel_grid import KernelGrid
from .layer_picker import LayerPicker
from .occlusion_map import OcclusionMap
from .separating_units import SeparatingUnits
from .top_patches import TopPatches
from .unit_switches import UnitSwitches

_MIRRORED = ("image", "layer", "channel", "target", "selected", "marks", "shown", "tab", "arrangement")


class ExplorerBar(ImageWidget):
    """The bar of an `Explorer`: what all panels look at, which of them are shown, undo.

    Parameters
    ----------
    net : Network
    images : ImageSet

    Attributes
    ----------
    image, layer, channel, target, selected, marks, shown, tab, arrangement
        Those of the explorer.
    """

    _code = code("explorer.js")
    _css = bundle("explorer.css")
    _page_sets = ImageWidget._page_sets | {"_wide"}

    layer = LayerName("", help="Name of the layer.").tag(sync=True)
    channel = t.Int(0, help="The chosen unit of the layer.").tag(sync=True)
    target = ClassIndex(0, help="The class in question.").tag(sync=True)
    selected = ImageIds(help="The chosen images.").tag(sync=True)
    marks = t.Bool(False, help="Whether choosing a unit selects the images of its patches.").tag(sync=True)
    shown = t.List(t.Unicode(), help="The panels of the grid.").tag(sync=True)
    tab = t.Unicode("", help="The panel of the tabs.").tag(sync=True)
    arrangement = t.Enum(("auto", "tabs", "grid"), "auto", help="Tabs, a grid, or whichever fits.").tag(sync=True)
    _wide = t.Bool(True).tag(sync=True)
    _panels = t.List().tag(sync=True)
    _layers = t.List().tag(sync=True)
    _classes = t.List().tag(sync=True)
    _network = t.Dict().tag(sync=True)
    _now = t.Dict().tag(sync=True)
    _saved = t.Dict().tag(sync=True)

    def __init__(self, net: Network, images: Any, explorer: Any = None, **unknown: Any):
        super().__init__(net, **unknown)
        self._images, self._explorer = images, explorer
        with self.hold_sync():
            self._network = {"name": net.name, "count": len(images)}
            self._classes = list(net.classes)
            self._layers = [[row.name, row.kind, row.layout.channels] for row in net.layers]

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        if what in ("undo", "redo"):
            return {"done": getattr(self._explorer, what)()}, []
        if what == "auto":
            self._explorer.most_probable()
            return {}, []
        return super()._answer(what, content)

    def _release(self) -> None:
        self._images = self._explorer = None


def _kernel_layers(explorer: Any) -> dict[str, Any]:
    """Return how the kernels follow: to the nearest layer that has some."""
    there = [row.name for row in Checkpoints(explorer.network).layers]
    names = [row.name for row in explorer.network.layers]
    return {"layer": lambda layer: nearest(names, there, layer)}


def _again(panel: Any) -> None:
    panel._forget_images()
    panel._restart()


class Explorer(Following):
    """Everything about a network and its images in one cell, all panels linked.

    Parameters
    ----------
    net : Network
    photos : ImageSet, folder, Dataset, array, Tensor or list of images
    layer : str, nn.Module or widget, optional
        The first layer with maps by default.
    image : int or str
        Which image, by its index or name.
    target : int or str, optional
        The class in question; the most probable one of each image by default.
    panels : sequence of str
        Which panels the grid shows at first.
    layers : "all", "convolutions", str or list of str
        Which layers the search for patches takes in, see `TopPatches`.
    state : dict or str, optional
        What another explorer showed: its `state` or `fragment`.

    Attributes
    ----------
    image, layer, channel, target, selected
        What every panel looks at; readable, settable and linkable.
    switches : dict of layer to units, or list of [layer, unit, value]
        Units that are off or held at a value, see `Network.switched`: activations, scores, occlusion and confusion
        follow. Other widgets of the same network, and the model itself, do not.
    marks : bool
        Whether choosing a unit selects the images of its best patches, so that they show on the map.
    picker, kernels, activations, occlusion, scores, patches, map, units, confusion, switching
        The panels. One that is taken out follows the explorer wherever it is shown; each is made when it is first
        shown or asked for. The map keeps a layer of its own, so that a cluster stays where it was found.
    shown : list of str
        The panels of the grid, where the cell is wide.
    tab : str
        The panel of the tabs, where it is narrow.
    arrangement : {"auto", "tabs", "grid"}
    state : dict
        All that is seen, as JSON can carry it; set it on an explorer of the same network and images to see it there.
    fragment : str
        The same as the end of a link.

    Raises
    ------
    TypeError
        Without a network.
    TraitError
        For an image, layer, class or panel that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, photos = dv.demo.digits("test")
    >>> explorer = dv.Explorer(net, photos[:40], layer="conv2")
    >>> explorer.image = 7
    >>> explorer.activations.image, explorer.kernels.layer
    (7, 'conv2')
    """

    picker = Panel("Layers", lambda x: LayerPicker(x.network, layer=x.layer), "The layers to choose from.",
                   flex="1 1 304px")
    activations = Panel(
        "Activations", lambda x: ActivationMaps(x.altered, x.images, layer=x.layer, image=x.image),
        "Every channel of the layer on the image.", flex="4 1 480px", renew=_again,
    )
    scores = Panel(
        "Scores", lambda x: ClassScores(x.altered, x.images, image=x.image), "What the network says of the image.",
        flex="1 1 320px", renew=lambda panel: panel.refresh(),
    )
    kernels = Panel(
        "Kernels", lambda x: KernelGrid(x.altered, x.images, image=x.image), "What the layer has learned.",
        flex="1 1 100%", turns=_kernel_layers, renew=_again,
    )
    occlusion = Panel(
        "Occlusion", lambda x: OcclusionMap(x.altered, x.images, image=x.image), "What hiding a part changes.",
        flex="4 1 440px", renew=_again,
    )
    patches = Panel(
        "Patches", lambda x: TopPatches(x.network, x.images, layer=x.layer, layers=x._scanned, image=x.image),
        "What each unit likes best.", flex="4 1 520px",
        apart=lambda panel: () if panel.basis == "units" else ("channel",),
    )
    map = Panel(
        "Map", lambda x: EmbeddingMap(x.network, x.images, image=x.image), "All images by what the network sees.",
        flex="4 1 520px", apart=lambda panel: ("layer",),
    )
    units = Panel(
        "Separation", lambda x: SeparatingUnits(x.network, x.images, known=x._known_features),
        "Which units tell the selection from the rest.", flex="1 1 320px", apart=lambda panel: ("layer",),
    )
    confusion = Panel(
        "Confusion", lambda x: ConfusionMatrix(x.altered, x.images, image=x.image),
        "Which class is taken for which.", flex="4 1 440px", renew=lambda panel: panel._restart(),
    )
    switching = Panel(
        "Switches", lambda x: UnitSwitches(x.network, x.images, layer=x.layer), "Units turned off or held.",
        flex="1 1 320px",
    )

    def __init__(
        self,
        net: Network,
        photos: Any = None,
        *,
        layer: Any = None,
        image: Any = 0,
        target: Any = None,
        panels: Sequence[str] = ("picker", "activations", "scores", "kernels"),
        layers: str | Sequence[str] = "all",
        state: Any = None,
        **unknown: Any,
    ):
        if unknown:
            raise TypeError(self._why_unknown(next(iter(unknown))))
        if not isinstance(net, Network):
            raise TypeError(f"Explorer needs a Network; wrap the {type(net).__name__}: Network(model, ...).")
        if photos is None:
            raise TypeError("Explorer needs photos: a folder, a Dataset, an array or a list of images.")
        images = as_images(photos)
        names = tuple(name for name, entry in vars(type(self)).items() if isinstance(entry, Panel))
        super().__init__(net, images, names=names)
        self._scanned = layers
        self.bar = ExplorerBar(net, images, self)
        self.layout.grid_gap = "16px"
        self.layer = _first_maps(net) if layer is None else layer
        self.image = images.names.index(image) if isinstance(image, str) and image in images.names else image
        self.shown, self.tab = list(panels), "activations"
        if target is not None:
            self.target, self._own_target = target, True
        self._links = [t.link((self, name), (self.bar, name)) for name in _MIRRORED]
        self._links.append(t.link((self.bar, "_wide"), (self, "_wide")))
        self.children = [self.bar, self._area]
        self._ready = True
        self._on_shown()
        self._history.now = self._moment()
        if state is not None:
            self.state = state
        self._told()

    # ---------------------------------------------------------------- for users

    @property
    def altered(self) -> Network:
        """The network with the units switched as `switches` says."""
        self.network  # noqa: B018  says so if the explorer is closed
        return self._lab

    @property
    def state(self) -> dict[str, Any]:
        """All that is seen, as JSON can carry it."""
        self.network  # noqa: B018
        return {
            "version": VERSION, **self._moment(), "selected": ranges(self.selected), "marks": self.marks,
            "shown": list(self.shown), "tab": self.tab, "arrangement": self.arrangement, "panels": self._settings(),
        }

    @state.setter
    def state(self, given: Any) -> None:
        before = self.state
        try:
            self._show_state({**before, "panels": {}, **as_state(given)})
        except (t.TraitError, TypeError, LookupError):
            self._show_state(before)  # not half of one and half of the other
            raise

    def _show_state(self, new: dict[str, Any]) -> None:
        with self.one_step():
            self.marks = False  # or the selection of the state would be replaced
            self.shown, self.tab, self.arrangement = new["shown"], new["tab"], new["arrangement"]
            self._put({**new, "selected": indices(new["selected"])})
            self.marks = new["marks"]
            self._put_settings(new["panels"])

    @property
    def fragment(self) -> str:
        """The state as the end of a link, to stand behind a #."""
        return fragment(self.state)

    def close(self) -> None:
        """Stop all work, close the panels, and let go of the network and the images."""
        if self._net is None:
            return
        self._ready = False
        for link in self._links:
            link.unlink()
        self._links.clear()
        self._lab.sharing.share(self, None)
        self._close_panels()
        closed(self.bar)
        self._net = self._lab = self._images = None
        self.children = ()
        layout = self.layout
        super().close()
        layout.close()

    def to_html(self, path: str | Path, *, title: str | None = None, **options: Any) -> Path:
        """Write one HTML file that shows the panels on screen with no kernel and no network.

        What was computed stays explorable, a chosen unit or selection shows in all panels, and the end of the link
        tells them. The scores, which bqplot draws in a notebook, are a drawing there. The file contains the images.
        The options are those of every widget's `to_html`.
        """
        self.network  # noqa: B018
        panels = {name: self._built[name] for name in self.visible if name in self._built}
        return written(path, self.bar, self._area, panels, self.state, title=title or "Explorer", **options)

    def __repr__(self) -> str:
        return f"Explorer({', '.join(self._summary())})"


def _first_maps(net: Network) -> str:
    maps = (layer.name for layer in net.layers if layer.layout.kind in ("maps", "tokens"))
    return next(maps, net.layers[0].name)
