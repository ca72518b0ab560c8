"""`Network`: a model, how images go into it and what its scores mean, without ever changing the model."""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import guards, preprocessing
from .images import ImageSet
from .layers import Layer, Survey
from .pictures import ImageError, Picture, as_picture, to_pixels
from .scores import NetworkError, Scores, as_class, confidences, kind_of_scores, notes_on_scores, scores_in
from .shared import Sharing
from .switches import Switches, as_switches, switched
from .words import count, first_line, no_such, plural, size

_LOCKS: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_SIDES = (224, 32, 28, 64, 299, 256, 128, 96, 48, 384, 512, 16, 8)  # tried in this order where nothing tells the size


class Network:
    """An image classifier in PyTorch, ready to be looked into.

    The model is never changed: modes, gradients, hooks, devices and parameters are as before after every call,
    also after an error or an interrupt.

    Parameters
    ----------
    model : nn.Module
        Maps an image batch (N, C, H, W) to class scores: a tensor (N, classes), a tuple, a dict or a dataclass
        with `logits`. A compiled or data-parallel model is unwrapped; a scripted one is refused, as its
        layers are hidden.
    transform : callable, optional
        From a PIL image to a tensor (C, H, W), as torchvision's. Its normalisation is found and undone for display.
        Without one, images go in as 0-1.
    classes : sequence of str, optional
        Names of the classes.
    device : str or torch.device, optional
        Where to run. If it differs from where the model is, a copy of the model runs there.
    input_size : (C, H, W), optional
        Where not given it is read from the transform and the first layer, or found by trying.
    name : str, optional
        What to call it; the class name of the model by default.

    Raises
    ------
    TypeError
        For something that is no `nn.Module`, or a scripted one.
    NetworkError
        If the model fails on its input size; the message names the layer.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...                             torch.nn.Linear(8, 10))
    >>> net = Network(model, input_size=(3, 32, 32))
    >>> [layer.shape for layer in net.layers]
    [(8, 30, 30), (8, 1, 1), (8,), (10,)]
    """

    altered: Switches = ()  # units that answer otherwise, see `switched`

    def __init__(
        self,
        model: nn.Module,
        *,
        transform: Callable[[Any], Tensor] | None = None,
        classes: Sequence[str] | None = None,
        device: str | torch.device | None = None,
        input_size: Sequence[int] | None = None,
        name: str | None = None,
    ):
        self.model = guards.placed(guards.unwrapped(model), device)
        self.transform = transform
        self.name = name or type(self.model).__name__
        self.lock = _LOCKS.setdefault(self.model, threading.RLock())
        self.sharing = Sharing(self)
        self.normalisation = preprocessing.normalisation(transform)
        self._default_device = guards.default_device()
        self.was_training = any(module.training for module in self.model.modules())
        self.input_size, self._any_size, self.layers, scores = self._dry_run(input_size)
        self._by_name = {layer.name: layer for layer in self.layers}
        self.scores_shape = tuple(scores.shape[1:])
        self.scores_are = kind_of_scores(scores)
        self.classes = self._class_names(classes)

    @classmethod
    def pretrained(
        cls,
        name: str,
        *,
        weights: str | Path | None = "DEFAULT",
        classes: Sequence[str] | None = None,
        device: str | torch.device | None = None,
    ) -> Network:
        """Load one of torchvision's classifiers with its weights, preprocessing and class names.

        Parameters
        ----------
        name : str
            As in `torchvision.models.list_models()`: `"resnet18"`, `"vit_b_16"`, ...
        weights : str, Path or None
            A name in torchvision's registry (`"DEFAULT"`, `"IMAGENET1K_V1"`), the path of a local file with a
            `state_dict` (.pth, .pt or .safetensors, read with `weights_only`), or None for random weights.
        classes : sequence of str, optional
            Class names, where the file was trained on others than ImageNet's; their number sets the last layer.
        device : str or torch.device, optional

        Raises
        ------
        ValueError
            For an unknown name.
        NetworkError
            If the weights cannot be downloaded (the message says how to use a local file) or do not fit.
        """
        from . import registry  # noqa: PLC0415  torchvision.models takes a second to import

        model, transform, names = registry.load(name, weights, classes)
        return cls(model, transform=transform, classes=names, device=device, name=name)

    def __repr__(self) -> str:
        return (
            f"Network({self.name!r}, input {size(self.input_size)}, {plural(len(self.layers), 'layer')}, "
            f"{plural(self.parameters, 'parameter')})"
        )

    @property
    def parameters(self) -> int:
        """How many parameters the model has, shared ones once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return guards.device_of(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the model's parameters."""
        return next((p.dtype for p in self.model.parameters() if p.is_floating_point()), torch.float32)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about this network, in plain sentences."""
        found = []
        if any(module.training for module in self.model.modules()):
            found.append("The model is in train mode; every pass here runs in evaluation mode and puts it back.")
        if self.transform is None:
            found.append("No transform was given: images go in with values from 0 to 1.")
        elif self.normalisation is None:
            found.append("The transform has no normalisation that could be undone: images are shown as they go in.")
        found += notes_on_scores(self.scores_are, self.scores_shape)
        return tuple(found)

    # ---------------------------------------------------------------- layers

    def layer(self, layer: Any) -> Layer:
        """Find a layer by its name, by the module itself, or by a widget that has a `layer`.

        Raises
        ------
        ValueError
            With the nearest name, or the reason why the layer cannot be seen.
        """
        if isinstance(layer, Layer):
            layer = layer.name
        if isinstance(layer, nn.Module):
            layer = self._name_of(layer)
        elif not isinstance(layer, str) and hasattr(layer, "layer"):
            layer = layer.layer
        module = self._module_at(layer)
        found = self._by_name.get(layer) or (self._by_name.get(self._name_of(module)) if module is not None else None)
        if found is None:
            raise ValueError(self._why_no_layer(layer))
        return found

    def module(self, layer: Any) -> nn.Module:
        """Return the module of a layer."""
        name = self.layer(layer).name
        return self.model if name == "model" and name not in dict(self.model.named_children()) else (
            self.model.get_submodule(name)
        )

    def _name_of(self, module: nn.Module) -> str:
        module = guards.unwrapped(module) if isinstance(module, nn.Module) else module
        names = (name for name, known in self.model.named_modules() if known is module)
        name = next(names, None)
        if name is None:
            raise ValueError(f"This {type(module).__name__} is not a module of the network {self.name!r}.")
        return name or "model"

    def _module_at(self, name: Any) -> nn.Module | None:
        try:
            return self.model.get_submodule(name) if isinstance(name, str) and name else None
        except AttributeError:
            return None

    def _why_no_layer(self, name: Any) -> str:
        if not isinstance(name, str):
            return f"A layer is its name, its module or a widget that has one; this is a {type(name).__name__}."
        module = self._module_at(name)
        if module is not None:
            return (
                f"The layer {name!r} exists, but the forward pass never calls it"
                f"{' (a container calls its parts itself)' if list(module.children()) else ''}, so it has no output."
            )
        return no_such("layer", name, [layer.name for layer in self.layers])

    def class_index(self, target: Any) -> int:
        """Take a class by its index or its name.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        return as_class(self.classes, target)

    # ---------------------------------------------------------------- running

    def switched(self, units: Mapping[Any, Any]) -> Network:
        """Return this network with some units turned off or held at a value.

        The model is the same and is not changed: the switches hold inside passes through the returned network only.

        Parameters
        ----------
        units : dict of layer to units
            A list of units to turn off, or a dict of unit to value; ValueError for what the network does not have.

        Examples
        --------
        >>> import deepviz_widgets as dv
        >>> net, images = dv.demo.digits()
        >>> net.switched({"conv2": [3, 5]}).altered
        (('conv2', 3, 0.0), ('conv2', 5, 0.0))
        """
        other = copy.copy(self)
        other.sharing, other.altered = Sharing(other), as_switches(self, units)
        return other

    @contextmanager
    def running(self, *, grad: bool = False) -> Iterator[None]:
        """Hold the lock with everything set for a forward pass, and undo it after.

        Grad mode, autocast and default device belong to a thread, and a widget may run on any: so they are set here.
        """
        with self.lock, ExitStack() as stack:
            stack.enter_context(guards.evaluating(self.model))
            stack.enter_context(torch.set_grad_enabled(grad))
            stack.enter_context(torch.autocast(self.device.type, enabled=False))
            stack.enter_context(switched(self))
            for context in guards.quirks(self._default_device):
                stack.enter_context(context)
            yield

    def forward(self, batch: Tensor, *, grad: bool = False) -> Tensor:
        """Run the model on inputs (N, C, H, W) and return its scores (N, classes), before any softmax.

        Raises
        ------
        NetworkError
            If the model fails, with the layer in which it did.
        """
        with self.running(grad=grad):
            batch = batch.to(self.device, self.dtype)
            try:
                shared = None if grad else self.sharing.answer(batch)
                output = self.model(batch) if shared is None else shared
            except Exception as error:  # the user's own code runs here and may raise anything
                raise NetworkError(self._why_failed(error, batch)) from error
        return scores_in(output)

    def scores(self, images: Any) -> Scores:
        """Classify images (a picture, anything that `as_picture` takes, an ImageSet or a list of those)."""
        raw = self.forward(self.inputs(images)).detach().float().cpu()
        if raw.dim() != 2:
            raise NetworkError(
                f"The network returns {size(raw.shape[1:])} values an image; class scores are one number a class."
            )
        return Scores(raw.numpy(), confidences(raw, self.scores_are).numpy(), self.classes)

    def _why_failed(self, error: Exception, batch: Tensor) -> str:
        """Find the layer by running once more under watch: only after an error, so it costs nothing before."""
        where = ""
        try:
            with self.running(), Survey(self.model) as watch:
                try:
                    self.model(batch[:1])
                except Exception:  # noqa: BLE001  the same failure again; only its place is of interest
                    where = watch.where
        except Exception:  # noqa: BLE001  never let the search for the place hide the error itself
            where = ""
        return _failure(where, batch.shape[1:], error)

    # ---------------------------------------------------------------- images

    def picture(self, image: Any) -> Picture:
        """Take one image: anything that `as_picture` takes, or an ImageSet's first."""
        if isinstance(image, ImageSet):
            return image[0]
        return as_picture(image)

    def inputs(self, images: Any) -> Tensor:
        """Turn one or several images into a batch (N, C, H, W) on the CPU, preprocessed."""
        if isinstance(images, Tensor) and images.dim() == 4 and images.is_floating_point():
            images = list(images)
        several = isinstance(images, (ImageSet, list, tuple))
        batch = [self.input(image) for image in (images if several else [images])]
        if len({tensor.shape for tensor in batch}) > 1:
            raise ImageError("The images have different sizes; give the network a transform or an input_size.")
        return torch.stack(batch)

    def input(self, image: Any) -> Tensor:
        """Turn one image into a network input (C, H, W), preprocessed.

        Raises
        ------
        ImageError
            For a wrong number of channels.
        """
        wanted = None if self._any_size else self.input_size[1:]
        return preprocessing.to_input(self.picture(image), self.input_size[0], self.transform, wanted)

    def displayed(self, tensor: Tensor) -> np.ndarray:
        """Show a network input (C, H, W) as people see it: (H, W, 1 or 3) uint8, normalisation undone."""
        values = tensor.detach().float().cpu()
        if self.normalisation is not None:
            mean, std = self.normalisation
            values = (values * std[:, None, None] + mean[:, None, None]).clamp(0, 1)
        return to_pixels(values.movedim(0, -1).numpy())

    def black_and_white(self) -> np.ndarray:
        """Return which inputs stand for black and for white in each channel, (C, 2)."""
        mean, std = self.normalisation or (torch.zeros(self.input_size[0]), torch.ones(self.input_size[0]))
        return torch.stack([(0 - mean) / std, (1 - mean) / std], 1).expand(self.input_size[0], 2).numpy()

    # ---------------------------------------------------------------- the dry run

    def _dry_run(self, given: Sequence[int] | None) -> tuple[tuple[int, int, int], bool, tuple[Layer, ...], Tensor]:
        """Find an input size that works, and see the layers on it."""
        guards.refuse_lazy(self.model)
        sizes = preprocessing.input_sizes(self.model, self.transform, given, _SIDES)
        failure: NetworkError | None = None
        for number, shape in enumerate(sizes):
            try:
                layers, scores = self._survey(shape)
            except NetworkError as error:
                failure = failure or error
                continue
            alone = given is not None or self.transform is not None or number > 0
            return shape, not alone and self._accepts_other(shape), layers, scores
        hint = "" if given is not None else " If images have another size, give input_size=(C, H, W)."
        raise NetworkError(f"{failure}{hint}") from failure

    def _survey(self, shape: tuple[int, int, int]) -> tuple[tuple[Layer, ...], Tensor]:
        generator = torch.Generator().manual_seed(0)  # the user's random state stays as it is
        batch = torch.rand((1, *shape), generator=generator)
        with self.running(), Survey(self.model) as watch:
            batch = batch.to(self.device, self.dtype)
            try:
                scores = scores_in(self.model(batch))
            except NetworkError:
                raise
            except Exception as error:  # the user's own code runs here and may raise anything
                raise NetworkError(_failure(watch.where, shape, error)) from error
        return watch.layers(), scores.detach().float().cpu()

    def _accepts_other(self, shape: tuple[int, int, int]) -> bool:
        try:
            self._survey((shape[0], shape[1] + 32, shape[2] + 32))
        except NetworkError:
            return False
        return True

    def _class_names(self, classes: Sequence[str] | None) -> tuple[str, ...]:
        number = self.scores_shape[0] if len(self.scores_shape) == 1 else 0
        if classes is None:
            return tuple(f"class {index}" for index in range(number))
        if isinstance(classes, str) or len(classes) != number:
            what = "a string" if isinstance(classes, str) else plural(len(classes), "class name")
            raise NetworkError(f"The network has {count(number)} scores an image, but classes is {what}.")
        return tuple(str(name) for name in classes)


def _failure(where: str, shape: Sequence[int], error: Exception) -> str:
    """Say in which layer, on what input, and how a model failed."""
    place = f" in layer {where!r}" if where else ""
    return f"The network failed{place} on an input of {size(shape)}: {type(error).__name__}: {first_line(error)}."
