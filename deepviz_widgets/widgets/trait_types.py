"""Kinds of traits that many widgets have: a layer, a class, an image, images, switched units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets as t

from ..switches import as_dict, as_switches
from ..words import count, kind_of


class LayerName(t.Unicode):
    """A layer of the widget's network, given by name, module or another widget; '' for none."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return the layer's name, or raise with the nearest one."""
        if value == "":
            return ""
        try:
            return obj.network.layer(value).name
        except ValueError as error:
            raise t.TraitError(str(error)) from None


class ClassIndex(t.Int):
    """A class of the widget's network, given by index or name."""

    def validate(self, obj: Any, value: Any) -> int:
        """Return the index, or raise with the nearest name."""
        try:
            return obj.network.class_index(value)
        except ValueError as error:
            raise t.TraitError(str(error)) from None


class ImageIndex(t.Int):
    """One of the widget's images (`_images`), counted from 0; without images there is only 0."""

    def validate(self, obj: Any, value: Any) -> int:
        """Return the index, or raise with how many images there are."""
        value = super().validate(obj, value)
        number = 1 if obj._images is None else len(obj._images)
        if not 0 <= value < number:
            there = "is" if number == 1 else "are"
            raise t.TraitError(f"There is no image {value}; there {there} {count(number)}, counted from 0.")
        return value


class ImageIds(t.TraitType):
    """Some of the widget's images (`_images`) by their indices, sorted, each once."""

    info_text = "indices of images"

    def __init__(self, **options: Any):
        super().__init__([], **options)

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Return the indices, or raise with how many images there are."""
        number = 0 if obj._images is None else len(obj._images)
        try:
            given = np.asarray(value if hasattr(value, "__array__") else list(value))
        except (TypeError, ValueError):
            raise t.TraitError(f"Images are chosen by a list of their indices; this is {kind_of(value)}.") from None
        if given.dtype == bool and given.shape == (number,):
            given = np.flatnonzero(given)
        if not given.size:
            return []
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise t.TraitError("Images are chosen by a list of their indices, or by True and False for each.")
        ids = np.unique(given)
        wrong = ids[(ids < 0) | (ids >= number)]
        if len(wrong):
            raise t.TraitError(f"There is no image {wrong[0]}; there are {count(number)}, counted from 0.")
        return ids.tolist()


class Switched(t.TraitType):
    """Units that are switched, as a list of [layer, unit, value]; taken as `Network.switched` takes them too."""

    info_text = "switched units"

    def __init__(self, **options: Any):
        super().__init__([], **options)

    def validate(self, obj: Any, value: Any) -> list[list[Any]]:
        """Return the switches in order, or raise with what the network has."""
        try:
            units = value if isinstance(value, Mapping) else as_dict(value)
            return [list(one) for one in as_switches(obj.network, units)] if units else []
        except (ValueError, TypeError) as error:
            raise t.TraitError(str(error)) from None
