"""Every widget for everybody: axe finds nothing, the keyboard reaches all, nothing is cut off where it is narrow."""

from __future__ import annotations

import everything
import pytest

pytestmark = pytest.mark.e2e

# What sticks out of its widget, or is cut off without a sign of it. CSS px.
CUT = """() => [...document.querySelectorAll('.dvw')].flatMap((root) => {
  const edge = root.getBoundingClientRect();
  const bad = root.scrollWidth > root.clientWidth + 1 ? [`${root.ariaLabel} scrolls sideways`] : [];
  for (const el of root.querySelectorAll('button, select, input, output, canvas, svg, b, span, dt, dd, label')) {
    const box = el.getBoundingClientRect();
    const style = getComputedStyle(el);
    if (!box.width || !box.height || style.visibility === 'hidden' || style.clipPath !== 'none') continue;
    if (el.closest('.dvw-unseen, [hidden]')) continue;
    const scroller = el.closest('[style*="overflow"], .lp-all, .lp-tree, .em-side, .kg-numbers, .tp-board');
    if (!scroller && (box.right > edge.right + 1 || box.left < edge.left - 1))
      bad.push(`${root.ariaLabel}: ${el.tagName} ${el.getAttribute('class')} ${el.textContent.slice(0, 30)}`);
    const clipped = el.childElementCount === 0 && el.scrollWidth > el.clientWidth + 1 && el.clientWidth > 0
      && style.overflowX === 'hidden' && style.textOverflow !== 'ellipsis';
    if (clipped) bad.push(`${root.ariaLabel}: ${el.className} is cut off: ${el.textContent.slice(0, 30)}`);
  }
  return bad;
})"""
# Whoever can be pressed can be reached: by itself, or as a part of a grid, tree or list that has the focus.
UNREACHABLE = """() => [...document.querySelectorAll('.dvw button, .dvw select, .dvw input, .dvw [role=button]')]
  .filter((el) => el.getClientRects().length && el.tabIndex < 0 && !el.disabled
    && !el.closest('[role=grid], [role=tree], [role=listbox], [role=radiogroup], [role=tablist], .dvw-seg, .dvw-step'))
  .map((el) => el.outerHTML.slice(0, 120))"""
FOCUS = """() => { const el = document.activeElement;
  if (!el || el === document.body) return null;
  const mark = (node) => { const s = getComputedStyle(node);
    return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none'; };
  const inside = [...el.querySelectorAll('*')].some(mark);
  return { widget: el.closest('.dvw')?.ariaLabel ?? '', what: `${el.tagName}.${el.className} ${el.ariaLabel ?? ''}`,
           seen: mark(el) || inside || Boolean(el.parentElement && mark(el.parentElement)) }; }"""


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["light", "dark"])
def test_axe_finds_nothing(browser, everywhere, dark):
    page = everything.opened(browser, everywhere, dark=dark)
    page.evaluate(everything.AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({rules: {'label-content-name-mismatch': {enabled: true}}})")
    assert len(found["passes"]) > 15, "axe has looked"
    assert [f"{rule['id']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]] == []
    page.context.close()


@pytest.mark.parametrize(("width", "scale"), [(480, 1), (532, 2), (320, 1)], ids=["480 px", "200 %", "320 px"])
def test_nothing_is_cut_off_where_it_is_narrow(browser, everywhere, width, scale):
    page = everything.opened(browser, everywhere, width=width, height=1000, device_scale_factor=scale)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    page.context.close()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser, everywhere):
    page = everything.opened(browser, everywhere)
    assert page.evaluate(UNREACHABLE) == []
    seen, unseen = {}, []
    for _ in range(250):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        if at is None:
            break
        seen.setdefault(at["widget"], []).append(at["what"])
        if not at["seen"]:
            unseen.append(at)
    assert set(everything.LABELS.values()) <= set(seen), "every widget has a stop"
    assert unseen == []
    page.context.close()


KEYS = {"Layers": ("[role=tree]", "ArrowDown"), "Activation maps": ("[role=grid]", "ArrowRight"),
        "Kernels": ("[role=grid]", "ArrowRight"), "Occlusion": ("[role=application]", "ArrowRight"),
        "Top patches": ("[role=grid]", "ArrowDown"), "Embedding map": ("[role=application]", "+"),
        "Confusion matrix": ("[role=gridcell]", "ArrowRight"), "Separating units": ("[role=option]", "ArrowDown"),
        "Sketchpad": ("[role=listbox]", "ArrowDown"), "Webcam": ("[role=listbox]", "ArrowDown")}


@pytest.fixture(scope="module")
def calm(browser, everywhere):
    """One page for the tests that touch different widgets of it."""
    page = everything.opened(browser, everywhere, reduced_motion="reduce")
    yield page
    page.context.close()


@pytest.mark.parametrize("label", KEYS)
def test_a_key_does_what_a_click_does(calm, label):
    root, (where, key) = calm.locator(f".dvw[aria-label='{label}']").first, KEYS[label]
    root.locator(where).first.focus()
    before = root.evaluate(everything.STATE)
    for press in (key, key, "Enter"):
        calm.keyboard.press(press)
    calm.wait_for_timeout(700)
    assert root.evaluate(everything.STATE) != before


def test_nothing_moves_for_those_who_ask_for_that(calm):
    moving = calm.evaluate("""() => [...document.querySelectorAll('.dvw *')].filter((el) => {
        const { transitionDuration, animationName } = getComputedStyle(el);
        return animationName !== 'none' || transitionDuration.split(', ').some((d) => parseFloat(d) > 0);
    }).map((el) => el.className)""")
    assert moving == []
