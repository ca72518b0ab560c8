"""Directions in the space of a layer's units: any vector can be asked for its best patches, not only an axis.

The value of a direction at a place is the product of its vector with what all units answer there. Whether single units
are a better basis than any other is the question of C. Szegedy et al., *Intriguing properties of neural networks*, ICLR
2014; D. Bau et al., *Network Dissection*, CVPR 2017, answer it by rotating the basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ...images import ImageSet
from ...layers import Layer
from ...network import Network, NetworkError
from ...words import count, percent, plural, size
from .classifier import last_layer, layer_read
from .components import answered, parts, principal

__all__ = ["Directions", "class_weights", "difference", "given", "nmf", "pca", "random"]


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in the space of one layer's units.

    Attributes
    ----------
    layer : str
    name : str
        Of the set: the basis under which `scan` ranks it.
    vectors : ndarray (R, C) float32
        One a row, over the C units of the layer.
    names : tuple of str
        One a row.
    note : str
        How they came about, in a sentence.

    Raises
    ------
    ValueError
        If the vectors are no finite matrix, one of them is 0, or the names do not go with them.
    """

    layer: str
    name: str
    vectors: np.ndarray
    names: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        vectors = np.array(self.vectors, dtype=np.float32, ndmin=2)
        names = tuple(map(str, self.names)) or tuple(f"{self.name} {row + 1}" for row in range(len(vectors)))
        if vectors.ndim != 2 or not vectors.size:
            raise ValueError(f"Directions are vectors (R, C), one a row; these are {size(vectors.shape)}.")
        if not np.isfinite(vectors).all():
            raise ValueError(f"The directions {self.name!r} hold values that are NaN or infinite.")
        if not vectors.any(1).all():
            row = int(np.flatnonzero(~vectors.any(1))[0])
            raise ValueError(f"The direction {names[row % len(names)]!r} is 0 everywhere, so it points nowhere.")
        if len(names) != len(vectors) or len(set(names)) < len(names):
            raise ValueError(f"There are {plural(len(vectors), 'direction')}; give each a name of its own.")
        if not self.name or self.name == "units":
            raise ValueError(f"The name {self.name!r} is taken or empty; call the directions otherwise.")
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        """Return how many directions there are."""
        return len(self.vectors)

    def __repr__(self) -> str:
        return f"Directions({self.name!r}, {len(self)} of {plural(self.vectors.shape[1], 'unit')}, {self.layer!r})"

    def fitting(self, net: Network) -> Layer:
        """Return the layer of a network in which they lie.

        Raises
        ------
        ValueError
            For an unknown layer, or one with another number of units.
        """
        layer = net.layer(self.layer)
        if layer.layout.channels != self.vectors.shape[1]:
            raise ValueError(
                f"Layer {layer.name!r} has {plural(layer.layout.channels, 'unit')}; the directions {self.name!r} are "
                f"vectors of {count(self.vectors.shape[1])}."
            )
        return layer

    def project(self, maps: np.ndarray) -> np.ndarray:
        """Return the map of each direction, (R, H, W), from the units' maps (C, H, W)."""
        return np.tensordot(self.vectors, np.asarray(maps, np.float32), 1)


def random(net: Network, layer: Any, n: int | None = None, seed: int = 0, *, name: str = "random") -> Directions:
    """Draw the first rows of a random rotation: orthonormal, and every rotation equally likely (Haar).

    Parameters
    ----------
    net : Network
    layer : str, nn.Module or a widget with a `layer`
    n : int, optional
        How many; as many as the layer has units by default. Fewer are the first of more.
    seed : int
    name : str
        Of the set; two sets at one layer need two.

    Raises
    ------
    ValueError
        For an unknown layer, or more directions than it has units.

    Notes
    -----
    The sign of each is left as drawn: turning all to one side would no longer be a random rotation, and units that
    never answer with less than 0 make the two sides unlike.

    References
    ----------
    F. Mezzadri, *How to generate random matrices from the classical compact groups*, Notices of the AMS, 2007.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import directions
    >>> net, images = dv.demo.digits()
    >>> directions.random(net, "conv1", 4).names
    ('random 1', 'random 2', 'random 3', 'random 4')
    """
    chosen = net.layer(layer)
    n = _number(n, chosen, chosen.layout.channels)
    drawn = np.random.default_rng(seed).standard_normal((n, chosen.layout.channels))
    turned, triangle = np.linalg.qr(drawn.T)
    rows = (turned * np.sign(np.diag(triangle))).T  # a factorization may choose signs; this one is unique
    return Directions(chosen.name, name, rows, note=f"Rows of a random rotation of layer {chosen.name!r}, seed {seed}.")


def pca(net: Network, photos: Any, layer: Any, n: int | None = None, *, batch: int = 32) -> Directions:
    """Find the principal components of what the units answer, over all places of all images.

    One pass; the memory is that of a batch and of a matrix of C x C. The components are of length 1, orthogonal, by
    falling variance, and turned so that the largest entry is positive.

    Parameters
    ----------
    net : Network
    photos : ImageSet or what makes one
        Images that cannot be read are left out.
    layer : str, nn.Module or a widget with a `layer`
    n : int, optional
        How many; at most 16 by default.
    batch : int
        Images per forward pass.

    Raises
    ------
    ValueError
        For an unknown layer, more components than units, a layer with too many units, or one that answers the same
        everywhere.
    NetworkError
        If the network fails.

    Notes
    -----
    The mean is taken off to find the components; `scan` then ranks the product with the component itself, which is the
    same order. It shows one end of a component; `order="min"` shows the other.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import directions
    >>> net, images = dv.demo.digits()
    >>> directions.pca(net, images[:50], "conv1", 2)
    Directions('PCA', 2 of 16 units, 'conv1')
    """
    chosen = net.layer(layer)
    n = _number(n, chosen, min(chosen.layout.channels, 16))
    vectors, shares = principal(net, photos, chosen, n, batch)
    note = f"Principal components of layer {chosen.name!r}; they hold {percent(shares.sum())} of its variance."
    return Directions(chosen.name, "PCA", vectors, note=note)


def nmf(
    net: Network, photos: Any, layer: Any, n: int | None = None, *, places: int = 2000, seed: int = 0, batch: int = 32
) -> Directions:
    """Find parts that add up to what the units answer: non-negative matrix factorization of sampled places.

    Parameters
    ----------
    net, photos, layer, batch
        As for `pca`.
    n : int, optional
        How many; at most 8 by default.
    places : int
        How many places are drawn, all of all images with the same chance.
    seed : int
        Of the places, and of the factorization.

    Raises
    ------
    ValueError
        For a layer with negative answers, and as for `pca`.

    Notes
    -----
    Components have length 1. `scan` ranks the product with the component, not the share that it would get in a
    factorization, as components overlap.

    References
    ----------
    D. D. Lee, H. S. Seung, *Learning the parts of objects by non-negative matrix factorization*, Nature 1999; in image
    networks: E. Collins, R. Achanta, S. Süsstrunk, *Deep Feature Factorization*, ECCV 2018.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import directions
    >>> net, images = dv.demo.digits()
    >>> directions.nmf(net, images[:50], "relu1", 2).names
    ('NMF 1', 'NMF 2')
    """
    chosen = net.layer(layer)
    n = _number(n, chosen, min(chosen.layout.channels, 8))
    vectors, drawn = parts(net, photos, chosen, n, places, seed, batch)
    note = f"Non-negative parts of layer {chosen.name!r}, from {plural(drawn, 'place')}, seed {seed}."
    return Directions(chosen.name, "NMF", vectors, note=note)


def class_weights(net: Network, layer: Any = None) -> Directions:
    """Take the weights with which the last layer reads the units of a layer for each class.

    They keep their length: averaged over the places, the values of a class and its bias are its score, so the value at
    a place is the place's evidence for the class (a class activation map).

    Parameters
    ----------
    net : Network
    layer : str, nn.Module or a widget with a `layer`, optional
        The layer whose places, or their mean or maximum, the last linear layer (or 1 x 1 convolution) reads. It is
        found by default, and checked where given: on random images both have to be equal.

    Raises
    ------
    ValueError
        If the last layer does not read the layer in that way.

    References
    ----------
    B. Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016.

    Examples
    --------
    >>> import torch, deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import directions
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...                             torch.nn.Linear(8, 2))
    >>> net = dv.Network(model, classes=["cat", "dog"], input_size=(3, 32, 32))
    >>> directions.class_weights(net)
    Directions('classes', 2 of 8 units, '0')
    """
    last, weights = last_layer(net)
    chosen, how = layer_read(net, last, layer)
    known = len(net.classes) == len(weights)
    classes = net.classes if known else tuple(str(row) for row in range(len(weights)))
    names = tuple(one if one.startswith("class ") else f"class {one}" for one in classes)
    names = names if len(set(names)) == len(names) else tuple(f"{one} ({row})" for row, one in enumerate(names))
    return Directions(chosen.name, "classes", weights, names, f"Weights of layer {last.name!r}, which reads {how}.")


def difference(net: Network, a: Any, b: Any, layer: Any) -> Directions:
    """Take the direction from what a layer answers to one image, or set of images, to what it answers to another.

    The answers are averaged over the places, and over the images of a set; the direction points from `b` to `a` and has
    length 1.

    Parameters
    ----------
    net : Network
    a, b : ImageSet, list, or one image
    layer : str, nn.Module or a widget with a `layer`

    Raises
    ------
    ValueError
        For an unknown layer, or if the layer answers the same to both.
    NetworkError
        If the network fails, or gives NaN.

    References
    ----------
    Between sets of images: the difference of means of B. Kim et al., *Interpretability Beyond Feature Attribution*,
    ICML 2018 (which separates them by a classifier).

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import directions
    >>> net, images = dv.demo.digits()
    >>> directions.difference(net, images[0], images[1], "conv1").names
    ('digits[0] − digits[1]',)
    """
    chosen = net.layer(layer)
    one, other = (_mean_answer(net, side, chosen) for side in (a, b))
    step = one - other
    if not np.linalg.norm(step) > 1e-6 * max(np.linalg.norm(one), np.linalg.norm(other)):
        raise ValueError(f"Layer {chosen.name!r} answers the same to both, so there is no direction between them.")
    names = (f"{_called(net, a)} − {_called(net, b)}",)
    note = f"From one mean answer of layer {chosen.name!r} to another."
    return Directions(chosen.name, "difference", step / np.linalg.norm(step), names, note)


def given(vectors: Any, layer: Any, name: str = "given", names: Sequence[str] = ()) -> Directions:
    """Take any vectors (R, C) or one (C,) as directions, as they are.

    Parameters
    ----------
    vectors : array, list or Tensor
    layer : str or Layer
        In whose space they lie; `scan` checks that they fit.
    name : str
        Of the set.
    names : sequence of str
        Of the rows; `"given 1"`, ... by default.

    Raises
    ------
    ValueError
        As for `Directions`.

    Examples
    --------
    >>> from deepviz_widgets.methods.patches import directions
    >>> directions.given([0, 1, -1], "conv1", "second against third").vectors.shape
    (1, 3)
    """
    rows = np.asarray(vectors.detach().cpu() if isinstance(vectors, Tensor) else vectors)
    if rows.dtype.kind not in "fiub":
        raise ValueError("Directions are vectors of numbers (R, C), all of one length.")
    where = getattr(layer, "name", layer)
    if not isinstance(where, str):
        raise ValueError(f"Name the layer in which the vectors lie; {where!r} is no name.")
    return Directions(where, name, rows, tuple(names))


def _number(n: int | None, layer: Layer, otherwise: int) -> int:
    if n is None:
        return otherwise
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"The number of directions is a whole number from 1; {n!r} is not.")
    if n > layer.layout.channels:
        raise ValueError(
            f"Layer {layer.name!r} has {plural(layer.layout.channels, 'unit')}, so there are at most as many "
            f"directions that are independent; {count(n)} were asked for."
        )
    return int(n)


def _mean_answer(net: Network, images: Any, layer: Layer) -> np.ndarray:
    """Return the mean answer of each unit over the places and the images, (C,) float64."""
    several = isinstance(images, (ImageSet, list, tuple))
    sums: list[np.ndarray] = []
    for image in images if several else [images]:
        sums.append(answered(net, layer, net.inputs([image]))[0].double().mean(1).cpu().numpy())
    if not sums:
        raise ValueError("A difference is between images, and on one side there are none.")
    mean = np.mean(sums, 0)
    if not np.isfinite(mean).all():
        raise NetworkError(f"Layer {layer.name!r} gives NaN or infinite values for these images.")
    return mean


def _called(net: Network, images: Any) -> str:
    if isinstance(images, (ImageSet, list, tuple)) and len(images) != 1:
        return plural(len(images), "image")
    return net.picture(images[0] if isinstance(images, (list, tuple)) else images).name
