"""Shards: a scan that is killed anywhere goes on from the last whole one, to the same end."""

from __future__ import annotations

import errno
import random
import signal
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from patches_killed import COUNT, begun, start
from patches_scans import assert_alike

from deepviz_widgets.methods.patches.shards import ShardError, Shards

STATE = {"a": np.array([1.5, np.nan, -np.inf]), "b": np.arange(6, dtype=np.int64).reshape(2, 3), "c": np.array(7.25)}
TOTAL = 22


@pytest.fixture(scope="module")
def uninterrupted():
    return begun().finish()


def equal(one, other) -> bool:
    return list(one) == list(other) and all(one[key].tobytes() == other[key].tobytes() for key in one)


def test_a_shard_comes_back_to_the_last_bit(tmp_path):
    with Shards(tmp_path / "new" / "folder", {"k": 3}) as kept:
        assert kept.last is None
        kept.write(10, STATE, {"words": "ü", "list": [1, None]})
        found = kept.last
    assert (found.done, found.about) == (10, {"words": "ü", "list": [1, None]}) and equal(found.state, STATE)
    assert {name: (array.dtype, array.shape) for name, array in found.state.items()} == (
        {name: (array.dtype, array.shape) for name, array in STATE.items()})


@pytest.mark.slow
def test_killed_at_a_random_byte_a_scan_goes_on_to_the_same_index(tmp_path, uninterrupted):
    first = begun(tmp_path / "first")
    next(first)
    first.close()
    size, done = _shards(tmp_path / "first")[0].stat().st_size, set()
    for attempt, byte in enumerate(random.Random(1).sample(range(9 * size), 3)):
        folder = tmp_path / str(attempt)
        process = start(folder, byte + 2000)  # beyond the settings, which are written first
        process.join(60)
        assert process.exitcode == -signal.SIGKILL and list(folder.glob(".shard*.part")), "half a shard is there"
        goes_on = begun(folder)
        done.add(goes_on.done)
        assert_alike(goes_on.finish(), uninterrupted)
    assert len(done) > 1 and max(done) < COUNT


def test_killed_at_random_moments_again_and_again_a_scan_comes_to_the_same_index(tmp_path, uninterrupted):
    waits, done = random.Random(2), [0]
    for _ in range(4):
        process = start(tmp_path)
        while process.is_alive() and not any(_done(path) > done[-1] for path in _shards(tmp_path)):
            time.sleep(0.001)
        time.sleep(waits.random() * 0.02)
        process.kill()
        process.join(60)
        done.append(_done(_shards(tmp_path)[-1]))
    assert 0 < done[1] < COUNT and done == sorted(done)
    goes_on = begun(tmp_path)
    assert goes_on.done == done[-1], "a shard that has its name is whole"
    assert_alike(goes_on.finish(), uninterrupted)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.98, 0.9999])
def test_if_the_newest_shard_is_cut_off_the_one_before_it_is_taken(tmp_path, share):
    newest = _shards(_after(tmp_path, 8))[-1]
    newest.write_bytes(newest.read_bytes()[: int(share * newest.stat().st_size)])
    with Shards(tmp_path, {"total": TOTAL}) as kept:
        assert kept.last.done == 4


def test_if_a_byte_of_the_newest_shard_has_changed_the_one_before_it_is_taken(tmp_path):
    newest = _shards(_after(tmp_path, 8))[-1]
    whole = bytearray(newest.read_bytes())
    whole[len(whole) // 2] ^= 1
    newest.write_bytes(whole)
    with Shards(tmp_path, {"total": TOTAL}) as kept:
        assert kept.last.done == 4


def test_another_scan_is_told_in_one_sentence_what_differs(tmp_path):
    Shards(tmp_path, {"k": 9, "layers": ["conv1"], "weights": "a"}).close()
    for settings, what in [({"k": 16, "layers": ["conv1"], "weights": "a"}, "its k is 9, here it is 16"),
                           ({"k": 9, "layers": ["conv1"] * 30, "weights": "a"}, "its layers is not the same"),
                           ({"k": 9, "layers": ["conv1"]}, 'its weights is "a", here it is "not set"')]:
        with pytest.raises(ShardError, match=f"^The folder .* belongs to another scan: {what}; give another .*[.]$"):
            Shards(tmp_path, settings)
    Shards(tmp_path, {"k": 9, "layers": ("conv1",), "weights": "a"}).close()  # a tuple is a list in JSON


def test_two_scans_do_not_share_a_folder_while_both_live(tmp_path):
    with Shards(tmp_path, {"k": 9}), pytest.raises(ShardError, match="Another scan writes into the folder .* now"):
        Shards(tmp_path, {"k": 9})
    Shards(tmp_path, {"k": 9}).close()


def test_a_disk_without_room_for_the_shards_is_said_before_the_first_image(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 9 << 20))
    Shards(tmp_path / "a", {}, need=3 << 20).close()
    with pytest.raises(ShardError, match="^The shards of this scan need about 12 MiB and the disk of '.*' has 9 MiB"):
        Shards(tmp_path / "b", {}, need=4 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 9999))
    with pytest.raises(ShardError, match="^The shards of this scan need [^\n]* give another folder, or a smaller k.$"):
        begun(tmp_path / "c")


def test_a_folder_that_cannot_be_made_is_named_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ShardError, match="^The folder '.*file' cannot hold shards: .*[.]$"):
        Shards(tmp_path / "file", {})


def test_shards_of_an_unknown_scan_are_not_touched(tmp_path):
    kept = _shards(_after(tmp_path, 4))
    (tmp_path / "scan.json").unlink()
    with pytest.raises(ShardError, match="holds shards but not the scan.json"):
        Shards(tmp_path, {"total": TOTAL})
    assert _shards(tmp_path) == kept


def test_a_full_disk_leaves_the_shard_before_it(tmp_path, monkeypatch):
    with Shards(tmp_path, {"k": 1}) as kept:
        kept.write(4, STATE)

        def full(_file):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(ShardError, match="^A shard cannot be written to '.*': No space left on device[.]$"):
            kept.write(8, STATE)
        assert kept.last.done == 4 and not list(tmp_path.glob("*.part"))


def test_only_the_newest_two_are_kept_and_clearing_leaves_what_is_not_ours(tmp_path):
    assert len(_shards(_after(tmp_path, 16))) == 2
    (tmp_path / "mine.txt").write_text("keep")
    Shards(tmp_path, {"total": TOTAL}).clear()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "mine.txt").unlink()
    with Shards(tmp_path, {"k": 1}) as kept:
        kept.write(1, STATE)
        kept.clear()
    assert not tmp_path.exists()


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*"))


def _done(path: Path) -> int:
    return int(path.stem.removeprefix("shard-"))


def _after(folder: Path, images: int) -> Path:
    """Write the shards of the first images."""
    with Shards(folder, {"total": TOTAL}) as kept:
        for done in range(4, images + 1, 4):
            kept.write(done, {"sum": np.random.default_rng(done).normal(size=2000), "best": np.zeros(500, np.float32)})
    return folder
