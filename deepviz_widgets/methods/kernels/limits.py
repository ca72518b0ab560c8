"""The numbers that decide a diagnosis. Where each comes from is told beside it, and to the user in `texts`."""

from __future__ import annotations

# dead
DEAD_SHARE = 0.01  # of the upper quartile of the layer's RMS
DEAD_NORM = 1e-3  # a third of the root of BatchNorm's usual eps, below which its answers drown
SHUT = 4.0  # standard deviations that a normalised answer would have to pass to wake a unit
MOST_IMAGES = 64

# duplicate: the most alike kernels of healthy demo networks have a cosine of 0.987
ALIKE = 0.99

# dominating: Zeiler and Fergus 2014, section 3, and beside the median of the layer
DOMINANT_RMS = 0.1
DOMINANT_TIMES = 5.0

# noisy: a kernel is rough, its spectrum neither falls nor has a peak, and it is not a dot
SMOOTH = 0.3  # correlation of neighbours; healthy 0.42 to 0.90 but for 3 of 280 kernels, noise 0
SLOPE = -1.0  # of log power over log frequency: noise 0, pictures about -2
FLOOR = 0.45  # of the spectral flatness of shuffled weights
WAVE = 0.75  # share of energy that a single wave explains; random kernels of 5 × 5 have at most 0.7
FOCUS = 0.7  # share of energy at a twelfth of the places
NOISY_SHARE = 0.2  # of the living kernels: healthy at most 0.09, learned from a sensor's pattern at least 0.62
FEW_KERNELS = 8
TELLING_SIDE = 5  # pixels; smaller kernels have too few neighbours

# untrained
UNLIKE_START = 4.5  # standard deviations of what shuffling gives

# aliasing: Zeiler and Fergus 2014, section 4.1
FOLDED = 0.5
LARGE_STRIDE = 4

# missing mid frequencies: named by Zeiler and Fergus 2014, section 4.1, without a number
LOW_CYCLES = 0.75  # a kernel: less is a blob or an edge
HIGH = 0.35  # cycles a pixel: waves shorter than 3 pixels
FEW_IN_THE_MIDDLE = 0.1
MANY_AT_THE_ENDS = 0.2
