"""`Network.pretrained`: torchvision's classifiers by name, from a local file or the registry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network
from safetensors.torch import save_file

import deepviz_widgets as dv


def test_pretrained_loads_a_local_file_with_preprocessing_and_class_names(tmp_path):
    source = dv.Network.pretrained("squeezenet1_1", weights=None)
    image = np.random.default_rng(0).integers(0, 255, (300, 260, 3), np.uint8)
    torch.save({"state_dict": source.model.state_dict()}, tmp_path / "weights.pth")
    save_file(source.model.state_dict(), tmp_path / "weights.safetensors")
    for name in ("weights.pth", "weights.safetensors"):
        net = dv.Network.pretrained("squeezenet1_1", weights=tmp_path / name)
        assert net.classes[1] == "goldfish" and net.input_size == (3, 224, 224)
        assert np.allclose(net.scores(image).raw, source.scores(image).raw, atol=1e-5)


def test_a_file_of_another_number_of_classes_loads_with_their_names_and_says_so_without(tmp_path):
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=2).state_dict(), tmp_path / "two.pth")
    net = dv.Network.pretrained("squeezenet1_1", weights=tmp_path / "two.pth", classes=["cat", "dog"])
    assert net.classes == ("cat", "dog")
    with pytest.raises(dv.NetworkError, match="two.pth has 2 classes, squeezenet1_1 here has 1,000; give the 2 class"):
        dv.Network.pretrained("squeezenet1_1", weights=tmp_path / "two.pth")


def test_a_vision_transformer_is_built_for_the_image_size_of_its_weights():
    from torchvision.models import get_model_weights

    from deepviz_widgets import registry

    entries = get_model_weights("vit_l_16")
    for entry, side in ((entries.IMAGENET1K_V1, 14), (entries.IMAGENET1K_SWAG_E2E_V1, 32)):
        places = torch.empty(1, side * side + 1, 1)
        found = registry._fitting("vit_l_16", {"encoder.pos_embedding": places})
        assert found.meta["min_size"] == entry.meta["min_size"]


def test_pretrained_says_what_does_not_fit(tmp_path):
    torch.save(small_network().state_dict(), tmp_path / "other.pth")
    with pytest.raises(dv.NetworkError, match="does not fit squeezenet1_1: 52 of its 52 tensors are missing"):
        dv.Network.pretrained("squeezenet1_1", weights=tmp_path / "other.pth")
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    with pytest.raises(dv.NetworkError, match="cannot be read as a state_dict"):
        dv.Network.pretrained("squeezenet1_1", weights=tmp_path / "broken.pth")
    with pytest.raises(ValueError, match="No torchvision classifier 'resnet81'; did you mean 'resnet18'"):
        dv.Network.pretrained("resnet81")


def test_pretrained_never_unpickles_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("the file's code was run",))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(dv.NetworkError, match="cannot be read"):
        dv.Network.pretrained("squeezenet1_1", weights=tmp_path / "evil.pth")


def test_a_failed_download_says_how_to_use_a_local_file(monkeypatch):
    def refused(*_args, **_kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refused)
    import torchvision.models._api as api

    monkeypatch.setattr(api, "load_state_dict_from_url", refused)
    with pytest.raises(dv.NetworkError, match=r"could not be downloaded .*weights='squeezenet1_1-.*pth'"):
        dv.Network.pretrained("squeezenet1_1")
