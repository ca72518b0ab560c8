"""Live, linked notebook widgets that show what a deep network for images has learned and what it sees."""

from . import demo, methods
from .capture import capture
from .images import ImageError, ImageSet, Picture, as_picture
from .layers import Layer, Layout
from .network import Network, NetworkError, Scores
