"""The panels of an explorer: made when first shown, tied to it while shown, and let go together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bqplot
import ipywidgets
import traitlets as t

from ..words import no_such
from .explorer_bonds import Bond
from .explorer_hub import ARRANGEMENTS, Hub
from .explorer_state import KEPT
from .row import in_marimo

_AREA = {"display": "flex", "flex_flow": "row wrap", "align_items": "stretch", "grid_gap": "16px", "width": "auto"}
_FAILS = (ValueError, RuntimeError, TypeError, ImportError, t.TraitError)


@dataclass
class Panel:
    """A panel: an attribute of the explorer that makes the widget when it is first asked for.

    Attributes
    ----------
    label : str
        What the page calls it.
    make : callable
        Makes the widget of an explorer.
    flex : str
        Its share of a row.
    turns : callable
        What it is given in place of the explorer's values, see `Bond`.
    apart : callable
        Which traits it keeps to itself, see `Bond`.
    renew : callable
        Drops what it computed through the network, and computes it again.
    """

    label: str
    make: Callable[[Any], Any]
    doc: str
    flex: str
    turns: Callable[[Any], dict[str, Callable[[Any], Any]]] = lambda _explorer: {}
    apart: Callable[[Any], tuple[str, ...]] = lambda _panel: ()
    renew: Callable[[Any], None] = lambda _panel: None
    name: str = ""

    def __post_init__(self) -> None:
        self.__doc__ = self.doc

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def __get__(self, explorer: Any, _kind: type | None = None) -> Any:
        return self if explorer is None else explorer._take_out(self.name)


class Panels(Hub):
    """The part of `Explorer` that makes panels, shows some of them, and keeps the others from working."""

    shown = t.List(t.Unicode(), help="The panels of the grid.")
    tab = t.Unicode("", help="The panel of the tabs.")
    arrangement = t.Enum(ARRANGEMENTS, "auto", help="Tabs, a grid, or whichever fits the cell.")
    _wide = t.Bool(True)

    def __init__(self, *given: Any, names: tuple[str, ...], **options: Any):
        self._table = {name: getattr(type(self), name) for name in names}
        self._built: dict[str, Any] = {}
        self._taken: set[str] = set()
        self._kept: dict[str, dict[str, Any]] = {}
        self._first: dict[str, dict[str, Any]] = {}
        self._why_not: dict[str, str] = {}
        self._turns: dict[str, dict[str, Callable[[Any], Any]]] = {}
        super().__init__(*given, **options)
        self._slots = {name: ipywidgets.HBox(layout={"display": "none"}) for name in names}
        self._area = ipywidgets.Box(list(self._slots.values()), layout=_AREA)

    def _display_(self) -> Any:
        """Return what marimo shows, which calls this by name: the bar, and the panels that are on screen now."""
        import marimo  # noqa: PLC0415  it is there where this is called

        shown = [child for slot in self._slots.values() for child in slot.children]
        return marimo.vstack([self.bar, in_marimo(shown)])

    # ---------------------------------------------------------------- which are shown

    @property
    def visible(self) -> tuple[str, ...]:
        """The names of the panels that are on screen."""
        if self.arrangement == "tabs" or (self.arrangement == "auto" and not self._wide):
            return (self.tab,)
        return tuple(name for name in self._table if name in self.shown)

    def show(self, *names: str) -> None:
        """Bring panels on screen: beside the others in the grid, the last of them as the tab."""
        for name in names:
            self._known(name)
        with self.hold_trait_notifications():
            self.shown = [name for name in self._table if name in (*self.shown, *names)]
            if names:
                self.tab = names[-1]

    def hide(self, *names: str) -> None:
        """Take panels off the grid; they keep what they computed, and compute no more until they are shown."""
        for name in names:
            self._known(name)
        self.shown = [name for name in self.shown if name not in names]

    @t.validate("shown", "tab")
    def _valid_names(self, proposal: Any) -> Any:
        value = proposal["value"]
        for name in [value] if isinstance(value, str) else value:
            try:
                self._known(name)
            except ValueError as error:
                raise t.TraitError(str(error)) from None
        return value if isinstance(value, str) else [name for name in self._table if name in value]

    def _known(self, name: str) -> Panel:
        if name not in self._table:
            raise ValueError(no_such("panel", name, list(self._table)))
        return self._table[name]

    @t.observe("shown", "tab", "arrangement", "_wide")
    def _on_shown(self, _change: Any = None) -> None:
        if not self._ready or self._net is None:
            return
        visible = self.visible
        self._before_shown()
        for name, slot in self._slots.items():
            panel = self._on_screen(name) if name in visible else None
            if name not in visible:
                self._let_rest(name)
            if slot.children != (() if panel is None else (panel,)):
                slot.children = () if panel is None else (panel,)
            slot.layout.display = "none" if panel is None else "flex"
        self._find_target()
        self._after_shown()

    def _before_shown(self) -> None:
        """Prepare for panels that are made now."""

    def _after_shown(self) -> None:
        """Follow a change of what is on screen."""

    def _on_screen(self, name: str) -> Any:
        """Return a panel that is to be shown, tied; None where it cannot be made."""
        try:
            panel = self._build(name)
        except _FAILS as error:
            self._why_not[name] = str(error)
            return None
        self._bonds[name].tie()
        return panel

    def _let_rest(self, name: str) -> None:
        if name in self._bonds and name not in self._taken:
            self._bonds[name].untie()

    # ---------------------------------------------------------------- making them

    def _take_out(self, name: str) -> Any:
        """Return a panel as a widget of its own, which follows the explorer from now on wherever it is shown."""
        self.network  # noqa: B018  says so if the explorer is closed
        panel = self._build(name)
        self._taken.add(name)
        self._bonds[name].tie()
        if not self._own_target:
            self._find_target()
        return panel

    def _build(self, name: str) -> Any:
        if name in self._built:
            return self._built[name]
        entry = self._table[name]
        panel = entry.make(self)
        self._built[name] = panel
        self._bonds[name] = Bond(self, panel, turns=entry.turns(self), apart=entry.apart)
        self._slots[name].layout.flex = entry.flex
        self._first[name] = self._own(name)
        self._put_kept(name, self._kept.pop(name, {}))
        if panel.has_trait("status"):
            panel.observe(self._sum_up, ["status", "progress", "error"])
        self._after_build(name, panel)
        return panel

    def _after_build(self, name: str, panel: Any) -> None:
        """Follow a panel that was made."""

    # ---------------------------------------------------------------- what they show beside the shared traits

    def _settings(self) -> dict[str, dict[str, Any]]:
        """Return what panels show that is theirs alone, where it is not what they show at first."""
        found = {name: dict(values) for name, values in self._kept.items()}
        for name in self._built:
            first = self._first[name]
            found[name] = {trait: value for trait, value in self._own(name).items() if value != first[trait]}
        return {name: values for name, values in found.items() if values}

    def _own(self, name: str) -> dict[str, Any]:
        """Return what a panel shows that is its own."""
        panel = self._built[name]
        values = {trait: getattr(panel, trait) for trait in KEPT.get(name, ()) if panel.has_trait(trait)}
        return {trait: list(value) if isinstance(value, (list, tuple)) else value for trait, value in values.items()}

    def _put_settings(self, given: dict[str, dict[str, Any]]) -> None:
        for name in self._table:
            if name in self._built:
                self._put_kept(name, given.get(name, {}))
            elif name in given:
                self._kept[name] = dict(given[name])

    def _put_kept(self, name: str, values: dict[str, Any]) -> None:
        """Put back what a panel showed; what does not fit any more is left as it is."""
        panel = self._built[name]
        for trait, value in {**self._first[name], **values}.items():
            if panel.has_trait(trait) and getattr(panel, trait) != value:
                with contextlib.suppress(t.TraitError, ValueError, RuntimeError):
                    setattr(panel, trait, value)

    # ---------------------------------------------------------------- their work

    def _tied(self) -> Iterator[tuple[str, Any]]:
        """Yield the panels that follow the explorer now."""
        for name, panel in self._built.items():
            if self._bonds[name].tied:
                yield name, panel

    def _workers(self) -> list[tuple[str, Any]]:
        """List what has work of its own, by what it is called."""
        return [(self._table[name].label, panel) for name, panel in self._tied() if panel.has_trait("status")]

    def _sum_up(self, _change: Any = None) -> None:
        """Tell in one status what all that is on screen is doing."""
        workers = self._workers()
        found = {worker.status for _, worker in workers}
        order = ("error", "running", "cancelled", "done")
        busy = [worker.progress for _, worker in workers if worker.status in ("running", "cancelled")]
        with self.hold_trait_notifications():
            self.error = next((f"{label}: {worker.error}" for label, worker in workers if worker.status == "error"), "")
            self.progress = sum(busy) / len(busy) if busy else float("done" in found)
            self.status = next((status for status in order if status in found), "idle")

    def wait(self) -> None:
        """Finish the work of all that is on screen, or taken out, here and now; raise what went wrong."""
        self.network  # noqa: B018
        for _, worker in self._workers():
            worker.wait()
        self._sum_up()

    def cancel(self) -> None:
        """Stop the work of all panels; what was computed stays."""
        for _, worker in self._workers():
            worker.cancel()

    def resume(self) -> None:
        """Go on where `cancel` stopped."""
        self.network  # noqa: B018
        for _, worker in self._workers():
            if worker.status in ("cancelled", "error"):
                worker.resume()

    def _renew(self) -> None:
        """Compute again what came through the network: some of its units answer otherwise now."""
        for name, panel in self._built.items():
            self._table[name].renew(panel)

    def _close_panels(self) -> None:
        for name, bond in self._bonds.items():
            bond.untie()
            panel = self._built[name]
            if panel.has_trait("status"):
                panel.unobserve(self._sum_up, ["status", "progress", "error"])
            closed(panel)
        for slot in (*self._slots.values(), self._area):
            slot.children = ()
            closed(slot)
        for held in (self._bonds, self._built, self._turns):
            held.clear()


def closed(widget: Any) -> None:
    """Close a widget and what it is made of, which ipywidgets would keep for as long as the kernel lives."""
    parts = [widget.layout] if getattr(widget, "layout", None) is not None else []
    if isinstance(widget, bqplot.Figure):
        scales = [scale for mark in widget.marks for scale in mark.scales.values()]
        parts += [*widget.marks, *widget.axes, *scales, widget.scale_x, widget.scale_y]
    widget.close()
    for part in parts:
        part.close()
