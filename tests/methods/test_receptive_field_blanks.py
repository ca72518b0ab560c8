"""Following a network without working out its values: it must see what a pass with values sees, or notice."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from fields_oracle import Calls, made
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.receptive_field import fields, receptive_field, receptive_fields


def test_a_loop_that_waits_for_values_ends_and_sees_the_values_of_a_real_pass():
    def halved(x):
        while x.abs().max().item() > 0.01:
            x = x / 2
        assert x.abs().max().item() > 0.005, "these values were worked out"
        return x

    field = receptive_field(made(nn.Conv2d(3, 4, 3), Calls(halved), nn.Conv2d(4, 4, 3)), "2")
    assert field.status == "data dependent" and "looks at values" in field.why


def test_what_fails_on_a_size_fails_although_values_are_not_worked_out():
    def failing(*layers: nn.Module, wrong: tuple[int, int, int]) -> str:
        with pytest.raises(dv.NetworkError) as raised:
            receptive_fields(made(*layers), wrong)
        return str(raised.value)

    assert "'0'" in failing(nn.Conv2d(3, 4, 3), wrong=(4, 24, 20))
    assert "'1'" in failing(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 20), wrong=(3, 20, 20))
    flat = failing(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 22 * 18, 5), nn.Unflatten(1, (5, 1, 1)),
                   wrong=(3, 20, 20))
    assert "'2'" in flat


@pytest.mark.parametrize("layer", [
    nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3)), nn.Conv2d(3, 6, 3, groups=3),
    nn.Conv2d(3, 4, 2, padding="same"), nn.ConvTranspose2d(3, 4, (3, 2), 2, 1, 1, dilation=(1, 2)),
    nn.ConvTranspose2d(3, 6, 3, groups=3), nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
    nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last), nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False),
    nn.BatchNorm2d(3, track_running_stats=False), nn.Hardswish(inplace=True), nn.GELU(),
    Calls(lambda x: x + x * 2), Calls(lambda x: x * x.mean((2, 3), keepdim=True)), Calls(lambda x: x.clone().add_(x)),
    Calls(lambda x: F.linear(x, torch.ones(7, 20), torch.ones(7))), Calls(lambda x: F.linear(x, torch.ones(7, 20))),
    Calls(lambda x: (x[0] @ x[0].mT)[None]), Calls(lambda x: F.conv1d(x[:, :, 0], torch.ones(4, 3, 3))[..., None]),
    Calls(lambda x: x.double() + x), Calls(lambda x: (x > 0.5) * x), Calls(lambda x: torch.sigmoid((x * 9).long())),
])
def test_each_operation_that_is_not_worked_out_gives_the_shape_type_and_field_that_it_would(layer):
    seen: dict[bool, torch.Tensor] = {}

    def kept(x, values):
        seen[values] = x
        return x.float()

    found = {}
    for values in (False, True):
        seeing = Calls(lambda x, values=values: kept(x, values))
        net = made(layer, seeing, Calls(lambda x: x.flatten(1)[..., None, None]))
        found[values] = fields._followed(net, torch.rand(1, 3, 24, 20), values=values)["0"][0].found
    quick, full = seen[False], seen[True]
    assert (quick.shape, quick.dtype, quick.stride()) == (full.shape, full.dtype, full.stride())
    assert (found[False].axes, found[False].flag) == (found[True].axes, found[True].flag)
    assert all(map(torch.equal, found[False].planes, found[True].planes))
