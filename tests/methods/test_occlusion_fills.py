"""What an occluding patch shows: colours as people see them, through any preprocessing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network
from occlusion_nets import Normalise
from PIL import Image
from scipy.ndimage import gaussian_filter

import deepviz_widgets as dv
from deepviz_widgets.methods.occlusion import filled, fills_of

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RNG = np.random.default_rng(0)


def picture(height=16, width=20, channels=3):
    return np.random.default_rng(1).integers(0, 255, (height, width, channels), np.uint8)


def torchvision_net():
    from torchvision.transforms import v2

    scale = v2.ToDtype(torch.float32, scale=True)
    steps = v2.Compose([v2.ToImage(), v2.Resize((16, 20)), scale, v2.Normalize(MEAN, STD)])
    return dv.Network(small_network(), transform=steps, input_size=(3, 16, 20))


def opaque_net():
    """A transform of the user's own, in which nobody can find the normalisation."""
    def transform(image):
        values = torch.from_numpy(np.asarray(image.resize((20, 16)), np.float32) / 255).movedim(-1, 0)
        return ((values - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)).contiguous()
    return dv.Network(small_network(), transform=transform, input_size=(3, 16, 20))


NETS = {"torchvision": torchvision_net, "opaque": opaque_net}


def shown(fill: torch.Tensor) -> np.ndarray:
    """A network input as people see it."""
    return (fill * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)).numpy()


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize(("name", "level"), [("grey", 0.5), ("black", 0), ("white", 1)])
def test_a_named_colour_is_that_colour_after_any_normalisation(kind, name, level):
    assert np.allclose(shown(filled(NETS[kind](), picture(), name)), level, atol=0.0021)  # half a grey level


@pytest.mark.parametrize("kind", NETS)
def test_mean_is_the_mean_colour_of_the_image(kind):
    fill = shown(filled(NETS[kind](), picture(), "mean"))
    assert np.allclose(fill, picture().mean((0, 1))[:, None, None] / 255, atol=0.0021)


@pytest.mark.parametrize("kind", NETS)
def test_blur_is_the_image_blurred_by_half_the_patch(kind):
    fill = shown(filled(NETS[kind](), picture(), "blur", patch=(4, 6)))
    expected = gaussian_filter(picture() / 255.0, (2, 3, 0), mode="nearest").transpose(2, 0, 1)
    assert np.allclose(fill, expected, atol=0.0021)


@pytest.mark.parametrize("kind", NETS)
def test_noise_is_even_from_black_to_white_and_follows_its_seed(kind):
    net = NETS[kind]()
    one, same, other = (shown(filled(net, picture(), "noise", seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.allclose(one, other, atol=0.1)
    assert one.min() > -0.01 and one.max() < 1.01 and abs(one.mean() - 0.5) < 0.03 and abs(one.std() - 12**-0.5) < 0.02


@pytest.mark.parametrize("kind", NETS)
def test_a_colour_can_be_given_in_any_usual_way(kind):
    net, expected = NETS[kind](), np.array([0.2, 0.6, 0.8])[:, None, None]
    for colour in ((0.2, 0.6, 0.8), (51, 153, 204), np.array([51, 153, 204], np.uint8), torch.tensor([0.2, 0.6, 0.8])):
        assert np.allclose(shown(filled(net, picture(), colour)), expected, atol=0.0021)
    assert np.allclose(shown(filled(net, picture(), 0.25)), 0.25, atol=0.0021)


@pytest.mark.parametrize("given", [
    lambda image: image, lambda image: image / 255, lambda image: torch.from_numpy(image / 255).permute(2, 0, 1),
    lambda image: torch.from_numpy(image).permute(2, 0, 1),
])
def test_another_image_can_be_the_fill(given):
    net, other = torchvision_net(), RNG.integers(0, 255, (16, 20, 3), np.uint8)
    assert torch.allclose(filled(net, picture(), given(other)), net.input(other), atol=1e-5)


def test_the_mean_of_the_dataset_is_what_the_transform_names():
    net = torchvision_net()
    assert np.allclose(shown(filled(net, picture(), "dataset")), np.array(MEAN)[:, None, None], atol=1e-6)
    assert "dataset" in fills_of(net) and "dataset" not in fills_of(opaque_net())
    with pytest.raises(ValueError, match="names no mean of a dataset; fill with the 'mean' of the image"):
        filled(opaque_net(), picture(), "dataset")


def test_five_channels_and_one_are_filled_like_three():
    for channels in (1, 5):
        net = dv.Network(small_network(channels=channels), transform=Normalise([0.3] * channels, [0.2] * channels),
                         input_size=(channels, 8, 8))
        image = picture(8, 8, channels)
        assert np.allclose(filled(net, image, "grey"), (0.5 - 0.3) / 0.2, atol=1e-5)
        mean = (image.mean((0, 1)) / 255 - 0.3) / 0.2
        assert np.allclose(filled(net, image, "mean"), mean[:, None, None], atol=1e-5)


def test_a_network_input_is_filled_in_its_own_units():
    net = torchvision_net()
    given = net.input(picture())
    assert torch.allclose(filled(net, given, "white"), filled(net, picture(), "white"), atol=1e-5)


def test_a_picture_that_equals_its_fill_equals_it_bit_by_bit():
    for net in (torchvision_net(), dv.demo.scenes(n=6)[0]):
        height, width = net.input_size[1:]
        many = [(level, fill) for level in range(1, 255, 9) for fill in ("mean", "blur", level / 255)]
        for level, fill in [(0, "black"), (255, "white"), (77, (77, 77, 77)), *many]:
            image = Image.fromarray(np.full((height, width, 3), level, np.uint8))
            assert torch.equal(filled(net, image, fill), net.input(image)), (level, fill)


@pytest.mark.parametrize(("fill", "says"), [
    ("gray", "No fill 'gray'; did you mean 'grey'"),
    ((0.1, 0.2), "a colour of 3 channels, or an image of 16 × 20 px, as the network takes; this one is 2"),
    (np.zeros((8, 8, 3)), "this one is 8 × 8 × 3"),
    (1.5, "0–255 as whole numbers; these are fractions above 1"),
    (-0.1, "The values of a fill lie in 0–1 or 0–255"),
    (300, "The values of a fill lie in 0–1 or 0–255"),
    (np.nan, "The values of a fill lie in 0–1 or 0–255"),
    (None, "this is a NoneType"),
    ([], "A fill is one of 'mean'"),
])
def test_what_is_no_fill_is_said_in_a_sentence(fill, says):
    with pytest.raises(ValueError, match=says):
        filled(torchvision_net(), picture(), fill)
