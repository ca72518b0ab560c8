"""A scan that was killed goes on: its state is kept in a folder, in shards that are either whole or not there.

A shard is the whole state of a scan after so many images, so the newest readable one is all that is needed. It is
written under another name, flushed to the disk and then renamed: whenever the process ends, the shard before it stands.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from .disk import lacking, reason, replacing

__all__ = ["Shard", "ShardError", "Shards"]

FORMAT = 1
_KEPT = 2  # shards: if the newest cannot be read, the one before it is taken
_SETTINGS, _LOCK, _SHARD = "scan.json", "scan.lock", "shard-{:010d}.npz"
_ABOUT = "about.json"  # within a shard, beside its arrays
_READING = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError)  # of a broken shard


class ShardError(ValueError):
    """A folder of shards that cannot be used, in one sentence."""


@dataclass(frozen=True, eq=False)
class Shard:
    """The state of a scan after some images.

    Attributes
    ----------
    done : int
        Images that went into it.
    state : dict of str to ndarray
        As it was given, to the last bit.
    about : dict
        What JSON carries.
    """

    done: int
    state: dict[str, np.ndarray]
    about: dict[str, Any] = field(default_factory=dict)


class Shards:
    """The shards of one scan in a folder, which is made where it is missing.

    Parameters
    ----------
    folder : str or Path
    settings : dict
        All that defines the scan, as JSON carries it. A later scan with the same settings goes on.
    need : int
        Bytes of a shard, about: whether the disk has room for all that are kept at a time is asked at once.

    Raises
    ------
    ShardError
        If the folder cannot be used, belongs to a scan with other settings, another process scans into it now, or its
        disk is full.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from deepviz_widgets.methods.patches.shards import Shards
    >>> folder = tempfile.mkdtemp()
    >>> with Shards(folder, {"k": 9}) as kept:
    ...     kept.write(32, {"best": np.arange(3.0)})
    >>> with Shards(folder, {"k": 9}) as kept:
    ...     kept.last.done, kept.last.state["best"]
    (32, array([0., 1., 2.]))
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any], need: int = 0):
        self.folder = Path(folder).expanduser()
        self.settings = json.loads(json.dumps({"format": FORMAT, **settings}, allow_nan=False))
        self._lock: IO[str] | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder / _LOCK)
        except OSError as error:
            raise ShardError(f"The folder {str(self.folder)!r} cannot hold shards: {reason(error)}.") from error
        try:
            self._claim()
            self._check_room(need)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def last(self) -> Shard | None:
        """The newest shard that can be read whole, or None."""
        found = (_read(path) for path in reversed(self._shards()))
        return next((shard for shard in found if shard is not None), None)

    def write(self, done: int, state: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> None:
        """Keep the state after so many images; the shard before it stands until this one is whole.

        Raises
        ------
        ShardError
            If it cannot be written, a full disk for example; the shard before it still stands.
        """
        whole = _packed(done, state, dict(about or {}))
        try:
            with replacing(self.folder / _SHARD.format(done)) as file:
                file.write(whole)
        except OSError as error:
            raise ShardError(f"A shard cannot be written to {str(self.folder)!r}: {reason(error)}.") from error
        for old in self._shards()[:-_KEPT]:
            old.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete the shards and what is beside them, and the folder if nothing else is in it."""
        for path in (*self._shards(), self.folder / _SETTINGS, *self._parts()):
            path.unlink(missing_ok=True)
        self.close()
        (self.folder / _LOCK).unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _shards(self) -> list[Path]:
        return sorted(self.folder.glob("shard-" + "[0-9]" * 10 + ".npz"))

    def _parts(self) -> list[Path]:
        return [*self.folder.glob(".shard-*.part"), *self.folder.glob(f".{_SETTINGS}.*.part")]

    def _check_room(self, need: int) -> None:
        """Refuse a disk without room for the shards that are kept and the one being written."""
        held = sum(path.stat().st_size for path in self._shards())
        lack = lacking(self.folder, max(0, (_KEPT + 1) * need - held))
        if lack:
            raise ShardError(f"The shards of this scan need about {lack}; give another folder, or a smaller k.")

    def _claim(self) -> None:
        """Write the settings into a new folder; compare them with those of an old one."""
        for part in self._parts():  # what a killed process was writing
            part.unlink(missing_ok=True)
        path = self.folder / _SETTINGS
        if not path.exists():
            if self._shards():
                raise ShardError(
                    f"The folder {str(self.folder)!r} holds shards but not the {_SETTINGS} that says of which scan; "
                    "give another folder."
                )
            try:
                with replacing(path) as file:
                    file.write(json.dumps(self.settings, indent=1, sort_keys=True).encode())
            except OSError as error:
                raise ShardError(f"The folder {str(self.folder)!r} cannot hold shards: {reason(error)}.") from error
            return
        try:
            there = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ShardError(f"{str(path)!r} cannot be read ({reason(error)}); give another folder.") from error
        if there != self.settings:
            raise ShardError(
                f"The folder {str(self.folder)!r} belongs to another scan: {_difference(there, self.settings)}; "
                "give another folder, or the settings of that scan."
            )


def _locked(path: Path) -> IO[str]:
    """Open a file that only one process may hold; it is let go when the process ends, however it ends."""
    held = path.open("a")
    try:
        import fcntl  # noqa: PLC0415  not on Windows, where two scans into one folder are not noticed

        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except BlockingIOError:
        held.close()
        folder = str(path.parent)
        raise ShardError(f"Another scan writes into the folder {folder!r} now; give another folder.") from None
    except OSError:  # a file system without locks, as some network drives
        return held
    return held


def _packed(done: int, state: Mapping[str, np.ndarray], about: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    said = json.dumps({"done": int(done), "arrays": len(state), "about": about}, allow_nan=False)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as whole:
        for name, array in state.items():
            with whole.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        whole.writestr(_ABOUT, said)
    return buffer.getvalue()


def _read(path: Path) -> Shard | None:
    """Read a shard; None if it is cut off or damaged (every part of it has a checksum)."""
    try:
        with zipfile.ZipFile(path) as whole:
            said = json.loads(whole.read(_ABOUT))
            state = {
                name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(whole.read(name)), allow_pickle=False)
                for name in whole.namelist() if name != _ABOUT
            }
    except _READING:
        return None
    return Shard(said["done"], state, said["about"]) if len(state) == said["arrays"] else None


def _difference(there: Any, here: dict[str, Any]) -> str:
    """Say which setting differs: its name, and both values where they are short."""
    there = there if isinstance(there, dict) else {}
    name = next(name for name in (*here, *there) if there.get(name, ...) != here.get(name, ...))
    old, new = (json.dumps(settings.get(name, "not set")) for settings in (there, here))
    return f"its {name} is {old}, here it is {new}" if len(old) + len(new) <= 80 else f"its {name} is not the same"
