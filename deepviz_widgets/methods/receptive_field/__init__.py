"""What a unit of a layer can see of the image (its receptive field), and how much of that it uses."""

from .fields import EffectiveField, ReceptiveField, effective_receptive_field, receptive_field, receptive_fields
