"""What a unit of a layer can see of the image (its receptive field), and how much of that it uses."""

from .effective import EffectiveField, Progressive, alike, effective_receptive_field, effective_receptive_fields
from .fields import receptive_field, receptive_fields
from .result import ReceptiveField

__all__ = [
    "EffectiveField", "Progressive", "ReceptiveField", "alike", "effective_receptive_field",
    "effective_receptive_fields", "receptive_field", "receptive_fields",
]
