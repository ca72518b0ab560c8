"""Shards: a scan that is killed anywhere goes on from the last whole one, to the same end."""

from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import patches_shards_counter as counter
import pytest

from deepviz_widgets.methods.patches.shards import ShardError, Shards

TOTAL = 22
SCRIPT = Path(counter.__file__)
STATE = {"a": np.array([1.5, np.nan, -np.inf]), "b": np.arange(6, dtype=np.int64).reshape(2, 3), "c": np.array(7.25)}


def start(folder: Path, *more: int) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, folder, str(TOTAL), *map(str, more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return counter.run(str(tmp_path_factory.mktemp("whole")), TOTAL)


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


def test_killed_at_a_random_byte_it_goes_on_to_the_same_end(tmp_path, uninterrupted):
    size = (next(iter(sorted(_shards(_after(tmp_path / "size", 4))))).stat().st_size)
    for attempt, seed in enumerate(random.Random(1).sample(range(5 * size), 4)):
        folder = tmp_path / str(attempt)
        process = start(folder, 200 + seed)
        said = process.communicate()[0].split()
        assert process.returncode == -signal.SIGKILL
        with Shards(folder, {"total": TOTAL}) as kept:
            done = kept.last.done if kept.last else 0
        assert done == 4 * len(said), "the last whole shard is the one before the kill"
        assert equal(counter.run(str(folder), TOTAL), uninterrupted)


def test_killed_at_a_random_moment_again_and_again_it_comes_to_the_same_end(tmp_path, uninterrupted):
    waits = random.Random(2)
    for _ in range(3):
        process = start(tmp_path)
        process.stdout.readline()  # it has begun
        time.sleep(waits.random() * 0.03)
        process.kill()
        process.communicate()
    assert equal(counter.run(str(tmp_path), TOTAL), uninterrupted)


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


def _after(folder: Path, images: int) -> Path:
    """Write the shards of the first images."""
    with Shards(folder, {"total": TOTAL}) as kept:
        for done in range(4, images + 1, 4):
            kept.write(done, {"sum": np.random.default_rng(done).normal(size=2000), "best": np.zeros(500, np.float32)})
    return folder
