"""Sketchpad and Webcam in a real JupyterLab: drawn on with the mouse and the keyboard, with Chromium's fake camera."""

from __future__ import annotations

import io
import re
import time

import chromium
import lab as jupyter
import numpy as np
import pytest
import strokes
from PIL import Image
from playwright.sync_api import expect

import deepviz_widgets as dv

pytestmark = pytest.mark.e2e

CELLS = [
    "import deepviz_widgets as dv\nnet, images = dv.demo.digits()\npad = dv.Sketchpad(net)\npad",
    "scenes, _ = dv.demo.scenes(n=6)\ncam = dv.Webcam(scenes)\ncam",
]
# every camera that a page was given, so that it can be seen to be off again
REMEMBER = """() => {
    window.tracks = [];
    const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await given(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""
FILMING = "window.tracks.filter(({ readyState }) => readyState === 'live').length"


@pytest.fixture(scope="module")
def page(browser, lab):
    jupyter.new_notebook(lab.folder / "live.ipynb", *CELLS)
    # a browser of its own, as only one that is started so has the fake camera
    filming = browser.browser_type.launch(executable_path=chromium.find(), args=[*chromium.FLAGS, *chromium.CAMERA])
    page = lab.open(filming, "live.ipynb", width=1280, height=2200)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.evaluate(REMEMBER)
    jupyter.run_all(page)
    yield page
    assert problems == []
    filming.close()


@pytest.fixture
def pad(page):
    pad = page.locator(".dvw[aria-label='Sketchpad']")
    jupyter.python(page, "pad.clear()")
    expect(pad.get_by_role("button", name="Clear")).to_have_attribute("aria-disabled", "true", timeout=20_000)
    page.wait_for_timeout(300)
    return pad


@pytest.fixture
def cam(page):
    cam = page.locator(".dvw[aria-label='Webcam']")
    jupyter.into_view(cam)
    return cam


def until(page, code: str, wanted: str, seconds: float = 20) -> None:
    """Wait until Python prints what is wanted: frames and traits need their time on a busy machine."""
    ends = time.monotonic() + seconds
    while (said := jupyter.python(page, code)) != wanted:
        assert time.monotonic() < ends, f"{code} says {said!r}, not {wanted!r}"
        page.wait_for_timeout(200)


def test_a_three_drawn_with_the_mouse_is_a_three_to_the_network(page, pad):
    before = [jupyter.pixels(canvas) for canvas in pad.locator(".lv-layer canvas").all()]
    strokes.draw(page, pad.locator(".sk-pad"), 3)
    expect(pad.locator(".dvw-cap")).to_contain_text(re.compile(r"The network says 3 with 0\.[5-9]"))
    expect(pad.locator(".lv-first .lv-class")).to_have_text("3")
    after = [jupyter.pixels(canvas) for canvas in pad.locator(".lv-layer canvas").all()]
    assert len(after) == 13 and all(a != b for a, b in zip(after, before, strict=True)), "a layer did not react"
    assert jupyter.python(page, "print(pad.glance.scores.top(1)[0][0], pad.image.name)") == "3 drawing"
    pad.get_by_role("button", name="Undo").click()
    expect(pad.locator(".dvw-cap")).not_to_contain_text("says 3")


def test_the_keyboard_draws_takes_back_and_clears(page, pad):
    sheet = pad.locator(".sk-pad")
    sheet.focus()
    for key in [*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16, " "]:
        page.keyboard.press(key)
    expect(pad.locator(".lv-first .lv-class")).to_have_text("1")
    until(page, "print(int((pad.image.data > 127).sum()) > 500, pad._kind)", "True drawing")
    page.keyboard.press("Control+z")
    expect(pad.get_by_role("button", name="Clear")).to_have_attribute("aria-disabled", "true")
    until(page, "print(int(pad.image.data.max()), pad._kind)", "0 empty")


def test_a_click_on_a_tile_enlarges_it_in_python_too(page, pad):
    row = pad.get_by_role("option", name=re.compile("^relu2"))
    row.locator("canvas").click(position={"x": 4 + 32 * 3 + 10, "y": 18})
    expect(pad.locator(".lv-stage-head")).to_contain_text("relu2")
    expect(pad.locator(".lv-stage-head")).to_contain_text("channel 3")
    until(page, "print(pad.layer, pad.channel)", "relu2 3")
    pad.get_by_role("button", name=re.compile(r"^7\b")).click()
    until(page, "print(pad.target, pad._aimed)", "7 True")


def test_a_picture_is_uploaded_upright_and_a_broken_one_is_refused(page, pad):
    picture = Image.fromarray(np.vstack([np.full((40, 80), 255, np.uint8), np.zeros((40, 80), np.uint8)]))
    turned, buffer = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6  # its top is at the right
    picture.save(buffer, "jpeg", exif=turned)
    field = pad.locator("input[type=file]")
    field.set_input_files({"name": "<b>cat</b>.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    code = "d = pad.image.data[..., 0]; print(pad.image.name, int(d[60, 20]) < 60, int(d[60, 100]) > 200)"
    until(page, code, "<b>cat</b>.jpg True True")
    field.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(pad.locator(".dvw-cap")).to_contain_text("notes.png cannot be read as a picture; give a PNG, JPEG")


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_pasted_and_dropped(page, pad, kind):
    pad.locator(".sk-pad").evaluate(
        """async (node, kind) => {
            const canvas = new OffscreenCanvas(50, 50);
            const ctx = canvas.getContext('2d');
            ctx.fillStyle = '#fff';
            ctx.fillRect(0, 0, 25, 50);
            const data = new DataTransfer();
            data.items.add(new File([await canvas.convertToBlob()], `${kind}.png`, { type: 'image/png' }));
            const about = { bubbles: true, cancelable: true };
            node.dispatchEvent(kind === 'paste' ? new ClipboardEvent('paste', { ...about, clipboardData: data })
                : new DragEvent('drop', { ...about, dataTransfer: data }));
        }""",
        kind,
    )
    expect(pad.get_by_role("button", name="Undo")).not_to_have_attribute("aria-disabled", "true")
    until(page, "print(pad.image.name, pad._kind)", f"{kind}.png picture")


def test_the_camera_runs_freezes_and_stops(page, cam):
    cam.get_by_role("button", name="Start camera").click()
    expect(cam.locator(".dvw-sub")).to_contain_text("frames a second", timeout=30_000)
    assert page.evaluate(FILMING) == 1
    first = jupyter.python(page, "print(cam._shown)")
    until(page, f"print(cam._shown > {first} + 2, cam.image.name)", "True camera")
    cam.locator(".wc-pic").focus()
    page.keyboard.press(" ")
    expect(cam.locator(".dvw-sub")).to_contain_text("frozen")
    until(page, "print(cam.frozen, len(cam._picture) > 0)", "True True")
    frozen = jupyter.python(page, "print(cam._shown)")
    page.wait_for_timeout(800)
    assert jupyter.python(page, "print(cam._shown)") == frozen
    assert jupyter.python(page, "print(dv.ActivationMaps(scenes, cam.image).activations.channels)") == "24"
    page.keyboard.press(" ")
    expect(cam.locator(".dvw-sub")).to_contain_text("frames a second")
    cam.get_by_role("button", name="Stop camera").click()
    page.wait_for_function(f"{FILMING} === 0")


def test_the_camera_rests_while_the_tab_is_hidden(page, cam):
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    cam.get_by_role("button", name="Start camera").click()
    page.wait_for_function(f"{FILMING} === 1")
    page.evaluate(hide, True)
    page.wait_for_function(f"{FILMING} === 0")
    page.evaluate(hide, False)
    page.wait_for_function(f"{FILMING} === 1")
    jupyter.python(page, "cam.on = False")
    page.wait_for_function(f"{FILMING} === 0")


def test_a_refused_camera_is_told_with_what_would_work(page, cam):
    page.evaluate("""() => {
        window.kept = navigator.mediaDevices.getUserMedia;
        navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };
    }""")
    cam.get_by_role("button", name="Start camera").click()
    expect(cam.locator(".dvw-cap")).to_contain_text("The browser refused the camera. Allow it in the page's settings")
    expect(cam.locator(".dvw-cap")).to_contain_text("A picture can be uploaded")
    expect(cam.get_by_role("button", name="Start camera")).to_be_visible()
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = window.kept; }")


def test_closing_the_widget_turns_the_camera_off(page, cam):
    cam.get_by_role("button", name="Start camera").click()
    page.wait_for_function(f"{FILMING} === 1")
    jupyter.python(page, "cam.close()")
    page.wait_for_function(f"{FILMING} === 0")


def test_a_saved_page_keeps_the_answer_and_says_that_it_cannot_draw(browser, tmp_path):
    net, images = dv.demo.digits()
    pad = dv.Sketchpad(net)
    pad.image = images[3]
    pad.wait()
    context = browser.new_context(viewport={"width": 900, "height": 1200}, offline=True)
    page = context.new_page()
    page.goto(pad.to_html(tmp_path / "pad.html").as_uri())
    saved = page.locator(".dvw")
    expect(saved).to_contain_text("Saved page")
    page.wait_for_timeout(600)
    assert jupyter.distinct_colours(saved.locator(".lv-layer canvas").first) > 50
    sheet = saved.locator(".sk-pad canvas")
    before = jupyter.pixels(sheet)
    sheet.click()
    expect(saved.locator(".dvw-cap")).to_contain_text("No kernel: drawing needs a running notebook")
    page.mouse.move(5, 5)
    page.wait_for_timeout(200)
    assert jupyter.pixels(sheet) == before
    saved.get_by_role("option", name=re.compile("^relu3")).click()
    expect(saved.locator(".lv-stage-head")).to_contain_text("relu3")
    context.close()
