"""A patch index as a Parquet file: everything comes back, others can read it, what cannot be read says why."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patches_killed import FORKS
from patches_store_index import digits_hash, elsewhere, index_of, made_up, same
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import store
from deepviz_widgets.methods.patches.crops import Crops, with_crops
from deepviz_widgets.methods.patches.disk import StoreError, estimate, writable
from deepviz_widgets.methods.patches.fingerprint import weights_hash
from deepviz_widgets.methods.patches.friends import Friends
from deepviz_widgets.methods.patches.index import PatchIndex
from deepviz_widgets.methods.patches.packing import pack, unpack


def everything() -> PatchIndex:
    """Two layers, one of them also along directions, with pictures and friends."""
    tables = made_up(), made_up("fc", "PCA", 3, 5, seed=1), made_up("fc", units=300, k=5, seed=2)
    index = index_of(*tables)
    pictures = Crops({table.key: table.values.shape for table in tables}, 8)
    rng = np.random.default_rng(0)
    for table in tables:
        for place in np.argwhere((table.images >= 0) & (table.images % 4 > 0)):
            pictures.put(table.key, place[None], jpeg(rng.integers(0, 20)))
    shape = tables[0].values.shape
    oddness = np.where(tables[0].images >= 0, rng.random(shape), np.nan).astype(np.float32)
    friends = Friends("fc", oddness > 0.7, oddness, np.zeros(shape, np.int32), np.ones(7, bool),
                      np.array([1.5, np.nan, *np.zeros(5)]), "It means this.")
    return replace(index, pictures=pictures, friends={tables[0].key: friends})


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (int(shade) * 10, 0, 0)).save(buffer, "jpeg")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def index():
    return everything()


@pytest.fixture(scope="module")
def path(index, tmp_path_factory):
    found = tmp_path_factory.mktemp("kept") / "patches.parquet"
    index.save(found)
    return found


def test_everything_comes_back_to_the_last_bit(index, path):
    found = PatchIndex.load(path)
    assert [name for name in index.__dataclass_fields__ if not same(getattr(index, name), getattr(found, name))] == []
    assert len(found.pictures) == len(index.pictures) > 500
    assert not same(index, replace(index, k=4)) and not same(index, index_of(made_up(seed=5)))  # or nothing is said


def test_it_is_read_where_there_is_neither_the_network_nor_the_images(path):
    with FORKS.Pool(1) as pool:
        assert pool.apply(elsewhere, (str(path),)) == (300, 5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(3, 12), st.integers(4, 40), st.integers(0, 99), st.integers(1, 30))
def test_any_numbers_of_units_and_ranks_come_back(tmp_path, units, k, seed, images):
    index = index_of(made_up("a", units=units, k=k, images=images, seed=seed), made_up("b", units=3, k=k, seed=seed))
    index.save(tmp_path / "some.parquet")
    assert same(index, PatchIndex.load(tmp_path / "some.parquet"))


def test_an_index_of_nothing_comes_back(tmp_path):
    PatchIndex({}, k=9).save(tmp_path / "nothing.parquet")
    assert same(PatchIndex({}, k=9), PatchIndex.load(tmp_path / "nothing.parquet"))


def test_pandas_reads_a_row_for_each_unit_and_rank(index, path):
    frame = pd.read_parquet(path)
    assert len(frame) == 5 * (7 + 3 + 300)
    table = index["conv1"]
    unit = frame[(frame.layer == "conv1") & (frame.basis == "units") & (frame.channel == 3)]
    assert unit["rank"].tolist() == [0, 1, 2, 3, 4] and unit["value"].tolist() == table.values[3].tolist()
    assert unit["image"].tolist() == table.images[3].tolist() and unit["name"].iloc[0] == f"{table.images[3, 0]}.png"
    assert unit[["top", "left", "bottom", "right"]].to_numpy().tolist() == table.boxes[3].tolist()
    assert frame[(frame.layer == "conv1") & (frame.channel == 2)]["image"].isna().all(), "an empty rank is null"
    labels = frame["image"].map(index.labels)
    assert (frame["label"].fillna(-1) == labels.fillna(-1)).all()
    assert frame["class"].dropna().unique().tolist() and set(frame["class"].dropna()) <= {"cat", "dog", "möwe"}
    first = frame[frame.jpeg.notna()].iloc[0]
    assert Image.open(io.BytesIO(first.jpeg["bytes"])).size == (8, 8)


def test_the_viewer_of_hugging_face_finds_its_features(path):
    schema = pq.read_schema(path)
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names and features["jpeg"] == {"_type": "Image"}
    assert features["value"] == {"_type": "Value", "dtype": "float32"} and features["channel"]["dtype"] == "int32"
    assert schema.field("jpeg").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_a_unit_lies_in_one_small_row_group_that_its_statistics_find(path):
    whole = pq.ParquetFile(path).metadata
    at = {whole.schema.column(column).path: column for column in range(whole.num_columns)}
    units = []
    for group in map(whole.row_group, range(whole.num_row_groups)):
        layer, basis, channel = (group.column(at[name]).statistics for name in ("layer", "basis", "channel"))
        assert layer.min == layer.max and basis.min == basis.max and group.num_rows <= 512
        assert group.num_rows == 5 * (channel.max - channel.min + 1)
        units += [(layer.min, basis.min, unit) for unit in range(channel.min, channel.max + 1)]
    assert len(units) == len(set(units)) == 310


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_file_that_is_cut_off_is_refused_in_one_sentence(path, tmp_path, share):
    whole = path.read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: int(share * len(whole))])
    what = "is cut off or damaged" if share else "is no Parquet file"
    with pytest.raises(StoreError, match=f"^'.*cut.parquet' {what}, so it .*[.]$") as error:
        PatchIndex.load(tmp_path / "cut.parquet")
    assert "\n" not in str(error.value)


def test_a_changed_byte_never_gives_another_index(index, path, tmp_path):
    whole, changed, refused = path.read_bytes(), tmp_path / "changed.parquet", 0
    for at in np.random.default_rng(1).integers(0, len(whole), 60):
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            assert same(PatchIndex.load(changed), index)
        except StoreError as error:
            refused += 1
            assert "damaged" in str(error) or "no Parquet file" in str(error)
    assert refused > 20


def test_other_files_are_refused_in_one_sentence(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("hello, this is text")
    for name, says in [("other.parquet", "is a Parquet file, but not one of patches that deepviz_widgets saved"),
                       ("text.parquet", "is no Parquet file, so it holds no patches"),
                       ("none.parquet", "does not exist; give the file"), (".", "is a folder; give the file")]:
        with pytest.raises(StoreError, match=f"^'[^\n]*' {says}[^\n]*[.]$"):
            PatchIndex.load(tmp_path / name)


@pytest.mark.parametrize(("change", "says"), [
    ({"format": 2, "written by": {"deepviz_widgets": "9.9"}},
     "has format 2, written by deepviz_widgets 9.9; this version reads format 1 and older, so install a newer one"),
    ({"format": 7, "written by": {}, "index": None, "tables": "new"}, "has format 7, .* install a newer one"),
    ({"tables": []}, None), ({"index": {"k": {"strange": 1}}}, None), ({"format": "1?"}, None),
])
def test_a_newer_version_and_damaged_metadata_are_refused_in_one_sentence(path, tmp_path, change, says):
    table = pq.read_table(path)
    said = json.loads(table.schema.metadata[b"deepviz_widgets"]) | change
    changed = tmp_path / "changed.parquet"
    whole = json.dumps(said).encode()
    check = hashlib.sha256(whole).hexdigest()
    metadata = {b"deepviz_widgets": whole, b"deepviz_widgets.sha256": check}
    pq.write_table(table.replace_schema_metadata(metadata), changed)
    match = f"^'.*changed.parquet' {says}" if says else "^The metadata of '.*changed.parquet' is damaged: [^\n]*[.]$"
    with pytest.raises(StoreError, match=match):
        PatchIndex.load(changed)


def test_a_failure_leaves_the_old_file_and_nothing_half_written(index, tmp_path, monkeypatch):
    path = tmp_path / "patches.parquet"
    path.write_bytes(b"the old one")

    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.pq.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match="^The patches cannot be written to '.*': No space left on device[.]$"):
        index.save(path)
    assert path.read_bytes() == b"the old one" and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    index.save(path)
    assert same(PatchIndex.load(path), index) and list(tmp_path.iterdir()) == [path]


def test_the_check_before_a_scan_says_in_one_sentence_what_is_wrong(tmp_path, monkeypatch):
    assert writable(tmp_path / "patches.parquet", 1000) == tmp_path / "patches.parquet"
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    for path, says in [(tmp_path, "'.*' is a folder; give the name of a file in it"),
                       (tmp_path / "no" / "a.parquet", "The folder '.*no' does not exist, so 'a.parquet' cannot"),
                       (tmp_path / "file" / "a.parquet", "The folder '.*file' is a file, not a folder"),
                       ("/proc/a.parquet", "Nothing can be written into the folder '/proc': ")]:
        with pytest.raises(StoreError, match=f"^{says}[^\n]*[.]$"):
            writable(path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: namedtuple("usage", "total used free")(0, 0, 100 << 20))
    writable(tmp_path / "a.parquet", estimate(20_000, 64))
    with pytest.raises(StoreError, match="^76,800 patches need up to about 281 MiB and the disk of .* has 100 MiB"):
        writable(tmp_path / "a.parquet", estimate(76_800, 64), rows=76_800)
    with pytest.raises(StoreError, match="^The file needs up to about 2.0 GiB"):
        writable(tmp_path / "a.parquet", 2 << 30)


def test_the_estimate_is_enough_for_photographs(tmp_path):
    net, photos = dv.demo.photos()
    table = made_up("conv1", units=40, k=9, images=len(photos), side=200)
    boxes = np.stack([table.ys * 10, table.xs * 20, table.ys * 10 + 99, table.xs * 20 + 99], -1).clip(0)
    index = with_crops(index_of(replace(table, boxes=boxes.astype(np.int32))), photos, net)
    index.save(tmp_path / "photos.parquet")
    size, most = (tmp_path / "photos.parquet").stat().st_size, estimate(40 * 9, 64)
    assert size < most < 8 * size


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.frozensets(st.integers(0, 0)),
    lambda inside: st.lists(inside) | st.tuples(inside, inside) | st.dictionaries(st.text() | st.integers(), inside),
))
def test_values_come_back_from_metadata(value):
    assert repr(unpack(json.loads(json.dumps(pack(value), allow_nan=False)))) == repr(value)


@pytest.mark.parametrize("array", [np.array([np.nan, -0.0, np.inf]), np.zeros((0, 3), np.int32), np.array(True),
                                   np.arange(6, dtype=">i2").reshape(2, 3).T, np.array([2**63], np.uint64)])
def test_arrays_come_back_from_metadata(array):
    found = unpack(json.loads(json.dumps(pack({"a": [array]}), allow_nan=False)))["a"][0]
    assert found.dtype == array.dtype.newbyteorder("=") and found.shape == array.shape
    assert found.tobytes() == np.ascontiguousarray(array, found.dtype).tobytes() and found.flags.writeable
    with pytest.raises(TypeError, match="A Fraction cannot be kept in a file of patches"):
        from fractions import Fraction

        pack(Fraction(1, 3))


def net_of(model: nn.Module) -> dv.Network:
    return dv.Network(model, input_size=(3, 16, 16))


def test_the_hash_of_weights_sees_every_number_and_nothing_else(model, unchanged):
    with unchanged(model):
        known = weights_hash(net_of(model))
    assert known.startswith("sha256:") and len(known) == 71
    assert weights_hash(net_of(model.to(memory_format=torch.channels_last))) == known
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            before = tensor.clone()
            tensor.copy_((tensor + 1).to(tensor.dtype))
            assert weights_hash(net_of(model)) != known
            tensor.copy_(before)
    assert weights_hash(net_of(model)) == known


def test_the_hash_of_weights_is_the_same_in_another_process():
    with FORKS.Pool(1) as pool:
        assert pool.apply(digits_hash) == digits_hash() != weights_hash(dv.demo.scenes(n=6)[0])
