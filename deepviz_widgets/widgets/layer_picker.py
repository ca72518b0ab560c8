"""`LayerPicker`: the architecture as a tree in call order, to choose a layer from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import traitlets as t

from ..layers import Layer
from ..methods.receptive_field import ReceptiveField, receptive_fields
from ..network import Network
from .base import LayerName, Widget, bundle, code

_WHOLE = 24  # a network of so few layers is shown whole
_ENOUGH = 10  # of a larger one, containers are opened until so many rows show its shape


class LayerPicker(Widget):
    """The architecture of a network, drawn in call order: blocks sized by resolution and channels.

    Choose with the mouse or the keyboard (arrows, Enter, `/` to search); link by `layer`.

    Parameters
    ----------
    net : Network
    layer : str, nn.Module or widget, optional
        The layer chosen at first. A widget that has a `layer` is followed.
    expanded, query
        As below; by default a small network is open whole, a large one shows its shape.

    Attributes
    ----------
    layer : str
        Name of the chosen layer, '' for none.
    expanded : list of str
        Names of the layers whose inner layers are shown.
    query : str
        Text in the search field.

    Raises
    ------
    TraitError
        For an unknown layer, with the nearest name.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> dv.LayerPicker(net, layer="conv1")
    LayerPicker(layer='conv1')
    """

    _code = code("layer_picker.js")
    _css = bundle("layer_picker.css")

    layer = LayerName("", help="Name of the chosen layer.").tag(sync=True)
    expanded = t.List(t.Unicode(), help="Layers whose inner layers are shown.").tag(sync=True)
    query = t.Unicode("", help="Text in the search field.").tag(sync=True)
    _network = t.Dict().tag(sync=True)
    _layers = t.List().tag(sync=True)
    _fields = t.Dict().tag(sync=True)

    def __init__(
        self, net: Network, *, layer: Any = None, expanded: Any = None, query: str = "", **unknown: Any
    ):
        super().__init__(net, **unknown)
        rows = tree(net.layers)
        self.layout.flex = "1 1 304px"  # its share of a row
        with self.hold_sync():
            self._network = {"name": net.name, "parameters": net.parameters, "input": list(net.input_size)}
            self._layers = rows
            self.expanded = _opened(rows) if expanded is None else list(expanded)
            self.query = query
            self.layer = "" if layer is None else layer
        self._follow(layer, "layer")

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        if what != "fields":
            return super()._answer(what, content)
        self._complete()
        return {}, []

    def _complete(self) -> None:
        if not self._fields:  # only when the page stands, or is saved: it takes a forward pass or two
            self._fields = {name: _seen(field) for name, field in receptive_fields(self.network).items()}

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"


def _seen(field: ReceptiveField) -> dict[str, Any]:
    apart = [float(side) for side in field.stride] if field.stride else None
    return {"status": field.status, "sees": list(field.size), "apart": apart}


def tree(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    """List layers for the page, parents before their children and siblings in call order."""
    names = {layer.name for layer in layers}
    inside: dict[str, list[Layer]] = {}
    for layer in layers:
        inside.setdefault(_parent(layer.name, names), []).append(layer)
    rows: list[dict[str, Any]] = []

    def add(layer: Layer, depth: int, parent: int) -> None:
        index, children = len(rows), inside.get(layer.name, [])
        rows.append(_row(layer, depth, parent, len(children)))
        for child in children:
            add(child, depth + 1, index)

    for layer in inside.get("", []):
        add(layer, 0, -1)
    return rows


def _opened(rows: list[dict[str, Any]]) -> list[str]:
    """Choose the containers to open at first, outermost first: all of a small network, the shape of a large one."""
    containers = sorted((row for row in rows if row["children"]), key=lambda row: row["depth"])
    shown, opened = sum(row["depth"] == 0 for row in rows), []
    for row in containers:
        whole = len(rows) <= _WHOLE
        visible = row["parent"] < 0 or rows[row["parent"]]["name"] in opened
        if whole or (visible and shown < _ENOUGH):
            opened.append(row["name"])
            shown += row["children"]
    return opened


def _parent(name: str, names: set[str]) -> str:
    """Return the nearest name above that is a layer itself; a ModuleList is none, as it is never called."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in names:
            return name
    return ""


def _row(layer: Layer, depth: int, parent: int, children: int) -> dict[str, Any]:
    return {
        "name": layer.name, "kind": layer.kind, "detail": layer.detail, "shape": list(layer.shape),
        "parameters": layer.parameters, "called": layer.called, "depth": depth, "parent": parent,
        "children": children, "joins": layer.joins, "layout": layer.layout.kind,
        "channels": layer.layout.channels, "grid": list(layer.layout.grid),
    }
