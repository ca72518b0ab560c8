"""The widgets: each a view of a method, with nothing computed here."""

from .activation_maps import ActivationMaps
from .layer_picker import LayerPicker
from .row import row
