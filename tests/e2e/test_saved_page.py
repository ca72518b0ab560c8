"""The exported page: one file, no kernel, no network, and what was computed stays explorable."""

from __future__ import annotations

import re

import lab as jupyter
import numpy as np
import pytest
from playwright.sync_api import expect

import deepviz_widgets as dv

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def saved(browser, tmp_path_factory):
    net, photos = dv.demo.photos()
    maps = dv.ActivationMaps(net, photos, layer="block")
    maps.wait()
    path = maps.to_html(tmp_path_factory.mktemp("page") / "maps.html")
    context = browser.new_context(viewport={"width": 900, "height": 1200}, offline=True)
    page = context.new_page()
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()


def test_it_draws_everything_without_any_request(saved):
    maps = saved.locator(".dvw")
    expect(maps).to_contain_text("Saved page")
    tiles = maps.locator(".dvw-grid canvas")
    saved.wait_for_timeout(800)
    assert jupyter.distinct_colours(tiles) > 100
    assert all(url.startswith(("file:", "blob:")) for url in saved.requests)


def test_another_channel_can_be_enlarged(saved):
    large = saved.locator(".am-pic canvas").nth(1)
    before = jupyter.pixels(large)
    tiles = saved.locator(".dvw-grid canvas")
    box = tiles.bounding_box()
    tiles.click(position={"x": box["width"] * 0.32, "y": 20})
    expect(saved.locator(".dvw")).to_contain_text("Channel 2")
    assert jupyter.pixels(large) != before


def test_what_needs_a_kernel_is_disabled_and_says_why(saved):
    select = saved.get_by_role("combobox", name="Layer")
    expect(select).to_be_disabled()


def test_linked_widgets_stay_linked_and_labels_are_only_text(browser, tmp_path):
    from deepviz_widgets.widgets.export import write_html

    net, _ = dv.demo.digits()
    images = dv.ImageSet(np.zeros((1, 32, 32), np.uint8), names=["<img src=x onerror=document.title='owned'>"])
    picker = dv.LayerPicker(net, layer="conv1")
    maps = dv.ActivationMaps(net, images, layer=picker)
    maps.wait()
    page = browser.new_page()
    page.goto(write_html(tmp_path / "two.html", [picker, maps], title="two </title><b>").as_uri())
    expect(page.locator(".dvw")).to_have_count(2)
    expect(page.locator(".dvw").nth(1)).to_contain_text("<img src=x onerror")
    assert "owned" not in page.title() and page.locator("img[src=x]").count() == 0
    page.get_by_role("treeitem", name=re.compile("^conv2")).click()
    assert page.get_by_role("combobox", name="Layer").input_value() == "conv2"
    page.close()
