"""What the tests of the map share: questions as the page asks them, and answers as it unpacks them."""

from __future__ import annotations

import numpy as np

NUMBER = 40


def asked(page, what, **content):
    reply, buffers = page.ask(type="request", what=what, key=page.widget._points["key"], **content)
    assert reply["ok"], reply
    return reply, buffers


def positions_of(data, about):
    low, high = np.array(about["lo"]), np.array(about["hi"])
    return low + np.frombuffer(data, "<u2").reshape(-1, 2) / 65535 * (high - low)


def whole_column(page, name):
    reply, (data,) = asked(page, "column", name=name, **{"from": 0})
    return reply, np.frombuffer(data, f"<u{reply['bits'] // 8}")
