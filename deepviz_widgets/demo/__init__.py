"""Small networks and pictures that work offline: real digits, two photographs, drawn scenes with known truth.

`digits`, `scenes` and `photos` return `(Network, ImageSet)`, ready for any widget. The weights ship with the package;
`python -m deepviz_widgets.demo.train` makes them anew from a seed. `check`, `predict` and `lab` are for lessons.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .lesson import check
from .prediction import predict

if TYPE_CHECKING:
    from torch.nn import Module

    from ..images import ImageSet
    from ..network import Network
    from .riddle import Lab
    from .scene_images import Scenes

__all__ = ["check", "checkpoints", "digits", "lab", "photos", "predict", "scenes"]


def digits(split: str = "all") -> tuple[Network, ImageSet]:
    """scikit-learn's 1,797 handwritten digits and a small network that reads them.

    Parameters
    ----------
    split : 'all', 'train' or 'test'
        Which digits: all 1,797; the four fifths that the network was trained on; or the fifth held out, always the
        same and with the classes in proportion.

    Returns
    -------
    Network, ImageSet
        Input (1, 32, 32), classes '0' to '9'; pictures (32, 32, 1) uint8, white on black, smoothly enlarged from
        8 × 8. The first kernels are 5 × 5.

    Notes
    -----
    The digits are the test half of *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, UCI,
    1998), as scikit-learn ships them.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> len(images), net.input_size
    (1797, (1, 32, 32))
    """
    from ..images import ImageSet  # noqa: PLC0415
    from .digit_images import CLASSES, split_rows  # noqa: PLC0415

    pixels, labels = _digits()
    rows = split_rows(labels, split)
    names = [f"digits[{row}]" for row in rows]
    return _network("digits"), ImageSet(pixels[rows], labels=labels[rows], names=names, classes=CLASSES)


def scenes(
    confounder: bool = False,
    sensor_noise: bool = False,
    *,
    split: str = "test",
    n: int = 300,
    seed: int = 0,
    stickers: str | None = None,
    cameras: str | None = None,
) -> tuple[Network, ImageSet]:
    """Drawn pictures of six kinds of object, with masks of the truth, and a network trained on such pictures.

    Parameters
    ----------
    confounder : bool
        The network learned from pictures in which 95 % of the wheels carry an advertising sticker, and nothing else
        does. (Its training objects were also faded, some strongly, so that the sticker was the surest sign.)
    sensor_noise : bool
        The network learned from pictures in which each class was taken with a camera of its own, whose sensor adds a
        faint fixed pattern. Its first kernels look for the pattern.
    split : 'test' or 'train'
        Pictures that the network has not seen, or the first ones that it was trained on (with seed 0, not faded).
    n, seed : int
        How many pictures, the classes in turn, and which ones. The same seed gives the same pictures, whatever is
        planted.
    stickers : 'none', 'train', 'wheels' or 'all', optional
        Stickers on nothing; on 95 % of the wheels; on every wheel; on every picture. 'train' for a confounder.
    cameras : 'none', 'train' or 'swapped', optional
        No sensor pattern; each class its own; each picture that of another class. 'train' for sensor noise.

    Returns
    -------
    Network, ImageSet
        Input (3, 64, 64), classes wheel, flower, face, house, fish, tree. The pictures are (64, 64, 3) uint8; their
        masks (N, 64, 64) bool are `masks['object']`, its visible part, and `masks['sticker']`, all False where there
        is none.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.scenes(n=12)
    >>> images[0].class_name, images.masks["object"].shape
    ('wheel', (12, 64, 64))
    """
    if confounder and sensor_noise:
        raise ValueError("A network learned from pictures with stickers or sensor noise, not with both; choose one.")
    name = "scenes-confounder" if confounder else "scenes-sensor" if sensor_noise else "scenes"
    stickers = stickers or ("train" if confounder else "none")
    cameras = cameras or ("train" if sensor_noise else "none")
    return _network(name), _scene_set(_scenes(n, split, seed, stickers, cameras))


def photos() -> tuple[Network, ImageSet]:
    """scikit-learn's two photographs, 24 crops of them, and a toy network that tells their parts apart.

    The network knows these two pictures and nothing else: it was trained on crops of regions outlined by hand (pagoda,
    lake, trees, sky, dahlia, leaves), so what it says of other photographs means little. It is fully convolutional.

    Returns
    -------
    Network, ImageSet
        Input (3, 224, 336); pictures (224, 336, 3) uint8: 'china.jpg', 'flower.jpg', then four crops of each class.

    Notes
    -----
    The photographs are by danielbuechele (china.jpg) and vultilion (flower.jpg) on Flickr, CC BY 2.0, as scikit-learn
    ships them.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.photos()
    >>> images.names[:3]
    ['china.jpg', 'flower.jpg', 'pagoda 1']
    """
    from ..images import ImageSet  # noqa: PLC0415
    from .photo_images import CLASSES  # noqa: PLC0415

    pixels, labels, names = _photos()
    return _network("photos"), ImageSet(pixels, labels=labels, names=list(names), classes=CLASSES)


def checkpoints(
    name: str = "digits", epochs: Sequence[int] = (0, 1, 2, 5, 10, 20), *, seed: int = 0
) -> dict[str, Network]:
    """Train a demo network here and now, and return it as it was after some epochs.

    Parameters
    ----------
    name : {"digits", "scenes", "scenes-confounder", "scenes-sensor", "photos"}
        Which network. The digits take about 10 seconds on two cores, the others up to 80.
    epochs : sequence of int
        After how many epochs; 0 is the start. Training goes as far as the last of them, along the schedule of the
        network: 20 epochs for the digits, 8 to 10 for the others.
    seed : int
        The same seed gives the same networks.

    Returns
    -------
    dict of str to Network
        By label: "start", "1 epoch", "2 epochs", ...

    Raises
    ------
    ValueError
        For an unknown network, or epochs that its training does not reach.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> nets = dv.demo.checkpoints("digits", epochs=(0, 1))
    >>> list(nets), dv.KernelGrid(nets, layer="conv1").step
    (['start', '1 epoch'], 1)
    """
    from ..words import no_such  # noqa: PLC0415
    from .recipes import RECIPES  # noqa: PLC0415

    if name not in RECIPES:
        raise ValueError(no_such("demo network", name, list(RECIPES)))
    last = RECIPES[name].schedule.epochs
    if not epochs or any(not 0 <= epoch <= last for epoch in epochs):
        raise ValueError(f"The network {name!r} is trained for {last} epochs; epochs are among 0 to {last}.")
    wanted = sorted(set(epochs))
    models = RECIPES[name].checkpoints(wanted, seed)
    labels = ["start" if epoch == 0 else f"{epoch} epoch{'s' if epoch > 1 else ''}" for epoch in wanted]
    return {label: _wrapped(name, model, label) for label, model in zip(labels, models, strict=True)}


def lab(name: str = "confounder", *, seed: int = 7) -> Lab:
    """Begin an exercise with a hidden answer: a network has learned the wrong thing; find out what, and prove it.

    Parameters
    ----------
    name : {"confounder"}
        One class of the pictures nearly always carries something that has nothing to do with it, and the network,
        trained here and now in about 10 seconds, has learned that in its place. Name the class, say what it carries,
        and mark it on a picture.
    seed : int
        Which class, which look and where: another seed, another riddle. The same seed gives the same one.

    Returns
    -------
    Lab
        With `net` and `photos` to look into, `answer(...)`, `score()` and `reveal()`.

    Raises
    ------
    ValueError
        For an exercise that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> riddle = dv.demo.lab("confounder", seed=7)
    >>> riddle.answer(cls="tree").missing
    ['look', 'mark']
    """
    from .riddle import begin  # noqa: PLC0415

    return begin(name, seed)


def _network(name: str) -> Network:
    """Return a new Network with the shipped weights, so that nobody's changes reach anybody else."""
    from . import stored  # noqa: PLC0415
    from .recipes import RECIPES  # noqa: PLC0415

    return _wrapped(name, stored.load(RECIPES[name].model, name), f"demo {name}")


def _wrapped(recipe_name: str, model: Module, name: str) -> Network:
    """Make a Network that takes pictures as the recipe trained it to."""
    from ..network import Network  # noqa: PLC0415
    from .recipes import RECIPES  # noqa: PLC0415
    from .transform import Transform  # noqa: PLC0415

    recipe = RECIPES[recipe_name]
    transform = Transform(recipe.size[1:], recipe.mean, recipe.std)
    return Network(model, transform=transform, classes=recipe.classes, input_size=recipe.size, name=name)


def _scene_set(scenes: Scenes) -> ImageSet:
    from ..images import ImageSet  # noqa: PLC0415
    from .scene_images import CLASSES  # noqa: PLC0415

    names = [f"{CLASSES[label]} {row // len(CLASSES) + 1}" for row, label in enumerate(scenes.labels)]
    masks = {"object": scenes.object, "sticker": scenes.sticker}
    return ImageSet(scenes.pixels, labels=scenes.labels, names=names, classes=CLASSES, masks=masks)


@lru_cache(maxsize=8)
def _scenes(n: int, split: str, seed: int, stickers: str, cameras: str) -> Scenes:
    from .scene_images import Planted, make_scenes  # noqa: PLC0415

    return make_scenes(n, split=split, seed=seed, planted=Planted(stickers=stickers, cameras=cameras))


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from .digit_images import read_digits  # noqa: PLC0415

    return read_digits()


@lru_cache(maxsize=1)
def _photos() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    from . import photo_images  # noqa: PLC0415

    whole = [photo_images.shown(photo) for photo in photo_images.read_photos()]
    size = (photo_images.HEIGHT, photo_images.WIDTH)
    crops, labels = photo_images.make_crops(4, (0, 4), heights=(64, 110), size=size)
    classes = photo_images.CLASSES
    names = [f"{classes[label]} {row // len(classes) + 1}" for row, label in enumerate(labels)]
    subjects = [classes.index("pagoda"), classes.index("dahlia")]
    return np.stack([*whole, *crops]), np.concatenate([subjects, labels]), (*photo_images.NAMES, *names)
