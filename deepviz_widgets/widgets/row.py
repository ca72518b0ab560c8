"""`row`: widgets beside each other in one cell."""

from __future__ import annotations

import ipywidgets


def row(*widgets: ipywidgets.DOMWidget) -> ipywidgets.HBox:
    """Put widgets beside each other, as wide as the cell allows; in a narrow cell they stand one below the other.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> picker = dv.LayerPicker(net)
    >>> len(dv.row(picker, dv.ActivationMaps(net, images, layer=picker)).children)
    2
    """
    layout = {"flex_flow": "row wrap", "align_items": "stretch", "grid_gap": "16px", "width": "auto"}
    return ipywidgets.HBox(list(widgets), layout=layout)
