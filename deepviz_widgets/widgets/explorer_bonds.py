"""`Bond`: one panel of an explorer kept equal to it, trait by trait, as far as the panel can show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import traitlets as t

SHARED = ("switches", "layer", "channel", "image", "target", "selected")  # in order of dependence
Turn = Callable[[Any], Any]


class Bond:
    """Keep the shared traits of a panel equal to those of a hub, for as long as it is tied.

    A plain `traitlets.link` would not do: a panel may show something near instead (the kernels of the convolution
    before a ReLU), which must not travel back; and what one panel refuses must not keep the others from following.

    Parameters
    ----------
    hub, panel : HasTraits
    turns : dict of str to callable
        What the panel is given in place of the hub's value.
    apart : callable
        Which traits are not shared at this moment.
    """

    def __init__(
        self,
        hub: Any,
        panel: t.HasTraits,
        *,
        turns: Mapping[str, Turn] | None = None,
        apart: Callable[[Any], tuple[str, ...]] = lambda _panel: (),
        names: tuple[str, ...] = SHARED,
    ):
        self._hub, self.panel = hub, panel
        self._names = [name for name in names if panel.has_trait(name)]
        self._turns, self._apart = dict(turns or {}), apart
        self._last: dict[str, Any] = {}
        self._pushing = False
        self.tied = False
        self.refused = ""

    def tie(self) -> None:
        """Bring the panel up to date, then follow each other."""
        if self.tied:
            return
        self.tied = True
        self.push(*self._names)
        self.panel.observe(self._pull, self._names)

    def untie(self) -> None:
        """Go separate ways; nothing more is computed for the panel on behalf of the hub."""
        if self.tied:
            self.panel.unobserve(self._pull, self._names)
        self.tied = False

    def push(self, *names: str) -> None:
        """Give the panel the hub's values, those of what it can show."""
        if not self.tied or self._pushing:
            return
        waiting = {name: value for name, value in self._last.items() if self._chosen(name) and name not in names}
        with self._silently():
            for name in self._names:
                if name in names and name not in self._apart(self.panel):
                    self._give(name)
            if "layer" in names and "channel" in self._names and "channel" not in self._apart(self.panel):
                self._give("channel")  # another layer has other channels
        self._last = {name: getattr(self.panel, name) for name in self._names} | waiting

    def _chosen(self, name: str) -> bool:
        """Whether the panel shows something else than it was given."""
        return name in self._last and getattr(self.panel, name) != self._last[name]

    def _give(self, name: str) -> None:
        value = getattr(self._hub, name)
        try:
            self.refused = ""
            setattr(self.panel, name, self._turns[name](value) if name in self._turns else value)
        except (t.TraitError, ValueError, RuntimeError, LookupError) as error:
            self.refused = str(error)

    def _pull(self, _change: Any) -> None:
        """Take over what was chosen in the panel: all that differs from what it was given, a layer before its unit."""
        if self._pushing:
            return
        with self._hub.one_step():
            for name in self._names:
                if name not in self._apart(self.panel) and self._chosen(name):
                    self._last[name] = getattr(self.panel, name)
                    self._hub.take(name, self._last[name])

    @contextmanager
    def _silently(self) -> Iterator[None]:
        self._pushing = True
        try:
            yield
        finally:
            self._pushing = False
