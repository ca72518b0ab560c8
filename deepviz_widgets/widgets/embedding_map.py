"""`EmbeddingMap`: a map of images whose points are the images; it forms while you watch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets as t

from ..images import ImageSet, as_images
from ..methods import embedding as em
from ..methods.columns import frame, parquet
from ..methods.embedding.checks import FEWEST, as_perplexity
from ..methods.embedding.engines import as_engine
from ..network import Network
from ..words import count, plural
from .base import bundle, code
from .embedding_map_state import MapState, too_few

_POOLS = tuple(name for name in em.POOLS if name != "places")
_MANY = 20_000  # images from which neighbours are kept for a perplexity of at most 50
_LIMITED = 50.0


class EmbeddingMap(MapState):
    """A t-SNE map whose points are the images, to be zoomed, searched and chosen from; it forms while you watch.

    Parameters
    ----------
    net : Network, optional
        Without it, features or positions are given.
    photos : ImageSet, folder, Dataset, array, Tensor or list of images
        At least four.
    layer : str, nn.Module or widget, optional
        Whose activations are mapped; by default the last one of `layers`, else the last one before the class scores.
        "pixels" is the network's input itself. A widget that has a `layer` is followed.
    layers : sequence of str
        Layers to compare: a map of each, turned onto each other, with the accuracy of a linear probe.
    engine : str, object with `fit_transform`, or array (N, 2)
        See `methods.embedding.embedding`.
    perplexity : float, optional
        About how many neighbours count; 30, or as much as there can be, by default.
    exaggeration : float
        How much stronger neighbours attract each other at first.
    seed : int
    positions : array (N, 2), optional
        A map that is there already; nothing is computed then but what a network says of the images.
    features : array (N, F), Features, or dict of these by name, optional
        In place of a layer's activations.
    columns : dict or DataFrame, optional
        More that is known of each image, to colour by.
    pool : {"mean", "flat", "token"}
        How the places of a layer with maps are put together.
    iterations : int, optional
        750 by default.
    image : int or widget
    colour, arrangement, size, search, isolate, every
        What is shown at first; see below.

    Attributes
    ----------
    layer, layers, perplexity, exaggeration, seed, image
        As above; readable, settable and linkable. A new perplexity acts on the map as it is, a new seed begins anew.
    selected : list of int
        The chosen images, by lasso or from Python; `photos[map.selected]` are these images.
    hovered : int
        The image under the pointer; -1 for none.
    view : list of float
        Centre x, centre y and width of what is seen, in the coordinates of `positions`; [] for all.
    positions : ndarray (N, 2) float32
        Where the images are by now; NaN for those that could not be read. Settable.
    colour : str
        "label", "prediction", "error", "confidence", "kept", "stable" or the name of a column.
    null : bool
        Whether the features are shuffled column by column: the map that the method draws of chance alone.
    playing : bool
        Whether the map goes on; set it to pause and to go on.
    arrangement : {"map", "grid"}
        "grid" gives each image a cell of its own, with seams where neighbours are far apart in truth.
    size : float
        Side of a thumbnail in pixels, at most.
    search : str
        What is looked for in names and labels.
    isolate : bool
        Whether only the chosen images are shown.
    every : bool
        Whether all images are shown as pictures, one over the other.

    Raises
    ------
    ValueError
        For fewer than four images, a perplexity that is too large, features or positions of another number.
    ImportError
        For an engine that is not installed.
    TraitError
        For an unknown layer, column or image.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> found = dv.EmbeddingMap(net, images[:60], iterations=50)
    >>> found.wait()
    >>> found.positions.shape
    (60, 2)
    """

    _code = code("embedding_map.js")
    _css = bundle("embedding_map.css")
    _fixed = ("layer",)
    _grows = True
    _takes = (Network, ImageSet)

    def __init__(
        self,
        net: Network | None = None,
        photos: Any = None,
        layer: Any = None,
        *,
        layers: Sequence[Any] = (),
        engine: Any = "opentsne",
        perplexity: float | None = None,
        exaggeration: float = 12.0,
        seed: int = 0,
        positions: Any = None,
        features: Any = None,
        columns: Mapping[str, Any] | None = None,
        pool: str = "mean",
        iterations: int | None = None,
        image: Any = 0,
        colour: str | None = None,
        arrangement: str = "map",
        size: float = 22.0,
        search: str = "",
        isolate: bool = False,
        every: bool = False,
        **unknown: Any,
    ):
        images, given = _asked(net, photos, features, positions, engine)
        super().__init__(images if net is None else net, **unknown)
        engine = engine if given["positions"] is None else "opentsne"
        self._options = _options(len(images), engine=engine, perplexity=perplexity, iterations=iterations, pool=pool)
        self._open(images, net, columns, **given)
        self.layout.flex = "4 1 520px"
        with self.hold_sync():
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = self._usual_layer()
            self.layer = (layers[-1] if len(layers) else self._usual_layer()) if layer is None else layer
            self.layers = [self._as_layer(one) for one in layers]
            self.perplexity, self.exaggeration, self.seed = perplexity or 0.0, exaggeration, seed
            self.image = image.image if isinstance(image, t.HasTraits) else image
            self.arrangement, self.size, self.search = arrangement, size, search
            self.isolate, self.every = isolate, every
            self.colour = self._usual_colour() if colour is None else colour
            self._show_columns()
            self._show_state()
        self._follow(layer, "layer")
        self._follow(image, "image")
        self._restart()

    # ---------------------------------------------------------------- for users

    @property
    def network(self) -> Network | None:  # type: ignore[override]
        """The network, None where only features or positions were given; raises once the map is closed."""
        found: Any = super().network
        return found if isinstance(found, Network) else None

    @property
    def positions(self) -> np.ndarray:
        """Where each image is by now, (N, 2) float32; NaN where an image could not be read or nothing is known yet."""
        self.network  # noqa: B018  says so if the map is closed
        if self.layer not in self._atlas.runs:
            return np.full((self._atlas.count, 2), np.nan, np.float32)
        return self._atlas.positions(self.layer)

    @positions.setter
    def positions(self, positions: Any) -> None:
        self.network  # noqa: B018
        given = np.array(positions, np.float32)
        unread = np.setdiff1d(np.arange(self._atlas.count), self._atlas.rows)
        if given.shape == (self._atlas.count, 2):
            given[unread] = 0
        self.null = False
        self._real.set_positions(self.layer, given)
        self._moved(new=True)
        self._go()

    @property
    def features(self) -> dict[str, np.ndarray]:
        """What the maps are made of, (M, F) by layer; the images that could be read, in order."""
        return dict(self._real.values)

    @property
    def honesty(self) -> em.Honesty | None:
        """What the map as it is now kept of the neighbourhoods; None without features."""
        return self._atlas.honesty(self.layer)

    @property
    def stability(self) -> em.Stability | None:
        """How far maps from other seeds agree; None before `compare_seeds`."""
        return self._atlas.steady.get(self.layer)

    @property
    def probes(self) -> dict[str, em.Probe | None]:
        """How well a linear classifier reads the labels from each of `layers`."""
        return dict(self._real.probes)

    def neighbours(self, image: int, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Return the k images nearest to one in the space of the features, nearest first, and how far they are."""
        self.network  # noqa: B018
        if not 0 <= image < self._atlas.count:
            raise ValueError(f"There is no image {image}; there are {count(self._atlas.count)}, counted from 0.")
        return self._atlas.neighbours(self.layer, int(image), k)

    def pause(self) -> None:
        """Stop where the map is; `resume` goes on."""
        self.cancel()

    def step(self, iterations: int = 1) -> None:
        """Take the map some iterations further and stop there."""
        self.network  # noqa: B018
        self.cancel()
        while self._look is None or self._missing():
            task = self._next()
            assert task is not None
            task()
        self._run(self.layer).step(iterations)
        self._moved()

    def restart(self, seed: int | None = None) -> None:
        """Begin the map again, from random positions of a seed or as it began; its neighbours are kept."""
        self.network  # noqa: B018
        run = self._atlas.runs.get(self.layer)
        if run is not None:
            run.restart(seed)
            if seed is not None and seed != self.seed:
                self._seeded = seed
                self.seed = seed
            self._moved(new=True)
        self._go()

    def compare_seeds(self, seeds: Sequence[int] = (0, 1, 2)) -> None:
        """Draw the map from several random starts as well, and measure how many neighbours these maps share.

        A page or `wait` does the work; then `stability` holds what was found, and "stable" can be a colour.
        """
        self.network  # noqa: B018
        if len(set(seeds)) < 2:
            raise ValueError(f"Maps are compared from at least two different seeds; {list(seeds)} is too few.")
        if self._real.given and not self.null:
            raise ValueError("Given positions come from no random start, so there is nothing to compare.")
        self._seeds, self._comparing = tuple(int(seed) for seed in seeds), None
        self._go()

    def add(self, photos: Any) -> np.ndarray:
        """Place new images into the maps as they are and return their indices.

        Raises
        ------
        ValueError
            Before there is a map, or without a network to read the images with.
        """
        if self.network is None or self.layer not in self._real.runs:
            raise ValueError("New images are placed with a network into a map that is there; call wait() first.")
        new, real = as_images(photos), self._real
        found = real.add(new, em.features_of(self.network, new, list(real.runs), pool=real.pool))
        self._nulls.clear()
        self._enlarged()
        return found

    def fly_to(self, images: int | Iterable[int]) -> None:
        """Show some images as large as they fit together."""
        ids = [images] if isinstance(images, (int, np.integer)) else list(images)
        spots = self.positions[ids]
        spots = spots[np.isfinite(spots[:, 0])]
        if not len(spots):
            raise ValueError("These images are not on the map yet.")
        low, high = spots.min(0), spots.max(0)
        every = self.positions[np.isfinite(self.positions[:, 0])]
        least = 0.06 * float(np.ptp(every, 0).max() or 1.0)
        middle = (low + high) / 2
        self.view = [float(middle[0]), float(middle[1]), max(1.2 * float((high - low).max()), least)]

    def to_frame(self) -> Any:
        """Return what is known of each image as a pandas DataFrame: names, classes, coordinates, your columns."""
        return frame(self._table())

    def save(self, path: str | Path) -> Path:
        """Write what `to_frame` holds as a Parquet file and return its path."""
        return parquet(self._table(), path)

    def _table(self) -> dict[str, Any]:
        self.network  # noqa: B018
        chosen = np.zeros(self._atlas.count, bool)
        chosen[self.selected] = True
        own = {name: [column.text(k) for k in range(self._atlas.count)] for name, column in self._own.items()}
        return {**self._atlas.table(self.layer), "selected": chosen, **own}

    def _summary(self) -> Iterator[str]:
        if self.layer:
            yield repr(self.layer)
        if self._net is not None:
            yield plural(self._atlas.count, "image")
        if self.selected:
            yield f"{count(len(self.selected))} selected"


def _options(number: int, *, engine: Any, perplexity: float | None, pool: str, **others: Any) -> dict[str, Any]:
    """Return how maps of so many images are made; raise for what cannot be."""
    if perplexity is not None:
        as_perplexity(perplexity, number)
    if pool not in _POOLS:
        raise ValueError(f"Places are put together by {', '.join(map(repr, _POOLS))}; {pool!r} is none of these.")
    largest = max(_LIMITED, perplexity or 0) if number > _MANY else None
    return {"engine": as_engine(engine), "largest_perplexity": largest, "pool": pool, **others}


def _asked(
    net: Network | None, photos: Any, features: Any, positions: Any, engine: Any
) -> tuple[ImageSet, dict[str, Any]]:
    """Return the images, and what is given of their map; an engine that is an array holds the positions."""
    if photos is None:
        raise TypeError("EmbeddingMap needs photos: a folder, a Dataset, an array or a list of images.")
    images = as_images(photos)
    if len(images) < FEWEST:
        raise ValueError(too_few(len(images)))
    if not isinstance(engine, str) and not hasattr(engine, "fit_transform"):
        positions = engine
    if net is None and features is None and positions is None:
        raise TypeError("EmbeddingMap needs a network, or features= or positions= of the images.")
    return images, {"features": features, "positions": positions}
