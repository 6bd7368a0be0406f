"""The faults: one line each, in code that decides bytes, durability or refusals.

A row is a name, a text that is in the file just once, what replaces it, and the tests
nearest to it where those of the group are not. A fault that changes no behaviour, such
as ``x`` and ``y`` swapped in a symmetric rule, has no place here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mutant:
    """One fault."""

    name: str
    """What is wrong then."""
    file: str
    """Path below the root of the repository."""
    find: str
    """The text that is replaced; it is in the file once."""
    replacement: str
    """What stands there instead."""
    tests: tuple[str, ...]
    """Files or node ids that must notice."""


_Row = tuple[str, str, str] | tuple[str, str, str, str]


def _of(file: str, tests: str, *rows: _Row) -> Iterator[Mutant]:
    """The rows of one file; ``tests`` are below ``ben_assets_tests``."""
    for name, find, replacement, *own in rows:
        nearest = (own[0] if own else tests).split()
        paths = tuple(f"ben_assets_tests/{one}" for one in nearest)
        yield Mutant(name, file, find, replacement, paths)


_SCIENCE: Final = "ben_assets/bigearthnet"
_SAFE: Final = "ben_assets/safe"
_STEPS: Final = "ben_assets/steps"
_DATA: Final = "resources/data_root"

MUTANTS: Final = (
    *_of(
        f"{_SCIENCE}/product_names.py",
        "bigearthnet/test_product_names.py",
        (
            "names: row before column",
            "{column:02d}_{row:02d}",
            "{row:02d}_{column:02d}",
        ),
        ("names: no leading zero", "_{column:02d}_", "_{column}_"),
        ("names: the south gets a zone of the north", "else 32700", "else 32600"),
        ("names: band N lies in the south", '"NPQRSTUVWX"', '"PQRSTUVWX"'),
        ("names: there is a UTM zone 61", "<= 60", "<= 61"),
        (
            "names: any sensing time",
            "_utc(self.discriminator), self.sensing_time",
            "_utc(self.discriminator), self.acquisition.sensing",
        ),
    ),
    *_of(
        f"{_SCIENCE}/bands.py",
        "bigearthnet/test_bands.py",
        ("bands: the cirrus band in place of B09", 'name != "B10"', 'name != "B09"'),
        ("bands: B8A has 10 m", '("B8A", 20)', '("B8A", 10)'),
    ),
    *_of(
        f"{_SCIENCE}/patch_grid.py",
        "bigearthnet/test_patch_grid.py",
        ("grid: rows go north", "uly - row * PATCH", "uly + row * PATCH"),
        (
            "grid: cells row by row",
            "for x in range(self.cells) for y in range(self.cells)",
            "for y in range(self.cells) for x in range(self.cells)",
        ),
        (
            "grid: half a cell at the edge counts",
            "self.side_m // PATCH_SIZE_M",
            "-(-self.side_m // PATCH_SIZE_M)",
        ),
        ("split: narrower train frame", "math.sqrt(2)) / 4", "math.sqrt(2)) / 5"),
        ("split: border belongs inside", "inset <= side_m / 4", "inset < side_m / 4"),
        ("split: by the corner", "half = PATCH_SIZE_M / 2", "half = 0"),
        ("validity: one measured pixel is enough", "NODATA).all(", "NODATA).any("),
        ("validity: by the highest pixel", ".min(axis=1)", ".max(axis=1)"),
        ("grid: tiles of any size are full", "!= FULL_TILE_SIDE_M:", "< 0:"),
    ),
    *_of(
        f"{_SCIENCE}/patching.py",
        "bigearthnet/test_patching.py",
        (
            "patches: window transposed",
            "pixels[y * n : (y + 1) * n, x * n : (x + 1) * n]",
            "pixels[x * n : (x + 1) * n, y * n : (y + 1) * n]",
        ),
        (
            "patches: validity transposed",
            "if not cutter.valid[y, x]",
            "if not cutter.valid[x, y]",
        ),
        (
            "patches: digests of invalid ones stay",
            'digests.pop(f"{patch}_{band.name}", None)',
            "pass",
        ),
        (
            "patches: a file cut short by the disk passes",
            "!= len(content)",
            "> len(content)",
        ),
    ),
    *_of(
        f"{_SCIENCE}/geotiff.py",
        "bigearthnet/test_geotiff.py",
        ("TIFF: no predictor", '"predictor": 2', '"predictor": 1'),
        ("TIFF: no nodata value", '"nodata": NODATA', '"nodata": None'),
        ("TIFF: not deflated", '"compress": "deflate"', '"compress": "lzw"'),
    ),
    *_of(
        f"{_SCIENCE}/geotiff_reading.py",
        "bigearthnet/test_geotiff_reading.py",
        (
            "layouts: another header before the tie point",
            "and content.startswith(self.before)",
            "and content",
        ),
        (
            "layouts: another header behind it",
            "and content.startswith(self.after, at + _CORNER.size)",
            "and content",
        ),
        (
            "layouts: all at the place of the first",
            "corner=_CORNER.unpack_from(content, at)",
            "corner=self.first.corner",
        ),
        (
            "layouts: pixels in another order",
            "content[start:] != raster.pixels.tobytes()",
            "not header",
        ),
        ("layouts: the first of two bands", "raster.count == 1 and n_pix", "n_pix"),
    ),
    *_of(
        f"{_SCIENCE}/alignment.py",
        "bigearthnet/test_alignment.py",
        ("alignment: any season", "if seasons[time] == season", "if seasons[time]"),
        ("alignment: half a cell off", "rows == np.floor(rows)", "rows == rows"),
        ("alignment: a column too many", "columns < grid.cells", "columns < 9e9"),
        ("alignment: by the lower edge", "grid.uly - north", "grid.uly - south"),
        ("alignment: two matches pass", "if len(names) > 1}", "if len(names) > 2}"),
        (
            "alignment: a wider square",
            "(east - west == PATCH_SIZE_M)",
            "(east - west >= PATCH_SIZE_M)",
        ),
        ("alignment: another zone", "if found != epsg", "if not found"),
    ),
    *_of(
        f"{_SCIENCE}/seasons.py",
        "bigearthnet/test_seasons.py",
        ("season: the last day belongs to it", "*last)", "*last, 23)"),
        ("season: by the local clock", "time.astimezone(UTC)", "time"),
        ("season: autumn", '"fall"', '"autumn"'),
        (
            "season: the first instant is winter",
            "first) <= instant",
            "first) < instant",
        ),
    ),
    *_of(
        f"{_SCIENCE}/legend.py",
        "bigearthnet/test_corine.py",
        ("labels: a quarter is not too much", "total >= max_unl", "total > max_unl"),
        ("labels: not sorted", "return sorted({label", "return list({label"),
    ),
    *_of(
        f"{_SCIENCE}/recipe.py",
        "bigearthnet/test_recipe.py",
        ("labels: three tenths are too much", "] = 0.25", "] = 0.3"),
    ),
    *_of(
        f"{_SCIENCE}/legends/clc2018.csv",
        "bigearthnet/test_corine.py",
        (
            "labels: a code moved",
            "112,Discontinuous urban fabric,Urban fabric",
            "112,Discontinuous urban fabric,Arable land",
        ),
    ),
    *_of(
        f"{_SCIENCE}/reference_map.py",
        "bigearthnet/test_reference_map.py",
        (
            "CORINE: precedence by code",
            'sort_values(["ID", "Code_18"]',
            'sort_values(["Code_18", "ID"]',
        ),
        (
            "CORINE: the last polygon wins",
            "shapes.reverse()",
            "pass",
        ),
        (
            "CORINE: every touched pixel",
            "transform=grid.transform(10))",
            "transform=grid.transform(10), all_touched=True)",
        ),
        ("CORINE: no ID comes last", 'fillna("")', 'fillna("~")'),
        (
            "maps: window transposed",
            "_raster[y * n : (y + 1) * n, x * n : (x + 1) * n]",
            "_raster[x * n : (x + 1) * n, y * n : (y + 1) * n]",
        ),
        (
            "maps: none where no centre is met",
            "is_open and not self._is_met(cell)",
            "is_open",
        ),
        (
            "maps: a touched edge is enough",
            "~shapely.touches(near, square)",
            "shapely.intersects(near, square)",
        ),
        ("CORINE: unknown codes pass", "if str(t) not in known]", "if not t]"),
        (
            "CORINE: crossing edges pass",
            "if not r.startswith(_TOUCHING_RING)}",
            "if not r}",
        ),
    ),
    *_of(
        f"{_SCIENCE}/reproject.py",
        "bigearthnet/test_countries.py",
        (
            "vertices: latitude first",
            "from_crs(from_crs, epsg, always_xy=True)",
            "from_crs(from_crs, epsg, always_xy=False)",
        ),
    ),
    *_of(
        f"{_SCIENCE}/countries.py",
        "bigearthnet/test_countries.py",
        ("country: the farthest", "np.nanargmin", "np.nanargmax"),
        ("country: Kosovo before Serbia", "list(COUNTRIES)]", "sorted(COUNTRIES)]"),
        (
            "country: of the centre",
            "shapely.distance(squares, country)",
            "shapely.distance(shapely.centroid(squares), country)",
        ),
        ("country: metres for degrees", "or not table.crs.is_geographic", ""),
    ),
    *_of(
        f"{_SCIENCE}/bigearthnet_v1.py",
        "resources/inputs/test_v1_source.py",
        (
            "v1: second 60 and more",
            "_LAST_SECOND: Final = 59",
            "_LAST_SECOND: Final = 58",
        ),
    ),
    *_of(
        f"{_SCIENCE}/patch_table.py",
        "bigearthnet/test_patch_table.py",
        ("flags: snow from the cloud list", "isin(list(snow))", "isin(list(cloud))"),
        ("flags: cloud from the snow list", "isin(list(cloud))", "isin(list(snow))"),
        (
            "tables: validity transposed",
            'valid[patches["y"], patches["x"]]',
            'valid[patches["x"], patches["y"]]',
        ),
        ("tables: own tiles need v1", "(aligned | (not needs_v1))", "aligned"),
        ("tables: v1 tiles keep all", "(aligned | (not needs_v1))", "(aligned | True)"),
        (
            "tables: a failed product has labels",
            "if not rule.has_labels",
            "if rule is None",
        ),
        (
            "tables: own patches need Sentinel-1",
            "labelled & aligned & table",
            "labelled & table",
        ),
        ("tables: no Sentinel-1 passes", "if len(alone):", "if len(alone) > 1:"),
    ),
    *_of(
        f"{_SCIENCE}/release_tables.py",
        "bigearthnet/test_release_tables.py",
        (
            "parquet: small row groups",
            "_ROW_GROUP: Final = 122_880",
            "_ROW_GROUP: Final = 10_000",
        ),
        ("parquet: snappy", "COMPRESSION ZSTD", "COMPRESSION SNAPPY"),
        ("parquet: holes pass", "else ' NOT NULL'", "else ''"),
        ("parquet: any version of DuckDB", '!= "1.0.0"', '== "0"'),
        (
            "release: snow and cloud",
            '["contains_seasonal_snow"] | kept',
            '["contains_seasonal_snow"] & kept',
        ),
        (
            "release: one match of two passes",
            "if len(repeated):",
            "if len(repeated) > 2:",
        ),
        (
            "CSV: labels of what is not kept",
            'labelled = table[table["kept"]]',
            'labelled = table[table["valid"]]',
        ),
        (
            "CSV: v1 names of invalid patches",
            'table["valid"] & table["s2v1_name"]',
            'table["s2v1_name"]',
        ),
        (
            "CSV: labels in any order",
            "list(rows.columns), key",
            "list(rows.columns)[:1], key",
        ),
        (
            "CSV: lines end as on Windows",
            r'lineterminator="\n"',
            r'lineterminator="\r\n"',
        ),
    ),
    *_of(
        f"{_SCIENCE}/archives.py",
        "bigearthnet/test_archives.py",
        ("zstd: level 3", "ZSTD_LEVEL: Final = 6", "ZSTD_LEVEL: Final = 3"),
        ("zstd: single-thread format", "level=ZSTD_LEVEL, threads=threads", "level=6"),
        ("tar: order without case", "member.name.encode())", "member.name.lower())"),
        (
            "tar: changed files pass",
            "proven_content(member.path, member.sha256)",
            "Path(member.path).read_bytes()",
        ),
        ("frames: in any order", "in sorted(runs, key=str.encode)", "in runs"),
        ("frames: order without case", "key=str.encode", "key=str.lower"),
        ("frames: end of an empty tar", "end_after(self._tar.n_bytes)", "end_after(0)"),
        ("frames: from the beginning", "file.seek(frame.offset)", "file.seek(0)"),
        (
            "frames: changed ones pass",
            "if found != stored.frame.sha256",
            "if not found",
        ),
        (
            "frames: not in the digest of the tar",
            """stream.read(_COPY_BYTES):
                        self._tar.update(part)""",
            """stream.read(_COPY_BYTES):
                        pass""",
        ),
    ),
    *_of(
        f"{_SCIENCE}/tars.py",
        "bigearthnet/test_archives.py",
        ("tar: of now", "1_704_067_200", "1_704_067_201"),
        (
            "tar: 100 bytes are too long",
            "if len(path) <= tarfile.LENGTH_NAME",
            "if len(path) < tarfile.LENGTH_NAME",
        ),
        ("tar: executable", "0000644", "0000755"),
        (
            "tar: one empty block at the end",
            "2 * tarfile.BLOCKSIZE",
            "1 * tarfile.BLOCKSIZE",
        ),
        ("tar: not filled up", "-end % tarfile.RECORDSIZE", "-end % tarfile.BLOCKSIZE"),
        (
            "tar: no name takes several blocks",
            "length // tarfile.BLOCKSIZE + 3",
            "3",
        ),
    ),
    *_of(
        f"{_SCIENCE}/archive_contents.py",
        "bigearthnet/test_archives.py",
        ("tar: cut between members", "if stream.tell() != end", "if not end"),
    ),
    *_of(
        f"{_SCIENCE}/dataset_layout.py",
        "steps/test_archives.py",
        (
            "frames: a tile's part of an acquisition apart",
            "if root == S1_ROOT else",
            "if root != S1_ROOT else",
        ),
    ),
    *_of(
        f"{_STEPS}/archives.py",
        "steps/test_archives.py",
        (
            "release: frames of an older data set",
            "stored.made_from != {dataset.ASSET: tile.sha256}",
            "not stored.made_from",
        ),
        (
            "release: frames of another zstandard",
            'stored.made_with != versions("zstandard")',
            "not stored.made_with",
        ),
        (
            "release: interleaved files of one tile alone",
            ".extend(files[run])",
            "[:] = files[run]",
        ),
    ),
    *_of(
        f"{_SCIENCE}/checksums.py",
        "bigearthnet/test_checksums.py",
        (
            "content: changed files pass",
            "if found != sha256:",
            "if not found:",
            "bigearthnet/test_archives.py",
        ),
        ("hash list: order without case", "item[0].encode()", "item[0].lower()"),
        ("hash list: any header", "if header != HASH_LIST_HEADER", "if not header"),
        (
            "hash list: digests of any length",
            "not _SHA256.fullmatch(digest)",
            "not digest",
        ),
    ),
    *_of(
        f"{_SCIENCE}/tile_list.py",
        "bigearthnet/test_tile_list.py",
        ("tiles: an acquisition twice", "if other is not tile", "if other is None"),
        ("tiles: any alignment", "if alignment not in ALIGNMENTS", "if not alignment"),
    ),
    *_of(
        f"{_SCIENCE}/dataset_layout.py",
        "bigearthnet/test_dataset_layout.py",
        ("layout: maps beside patches", '"Reference_Maps"\n', '"BigEarthNet-Maps"\n'),
        ("layout: VV alone", '("VV", "VH")', '("VV",)'),
        ("layout: Sentinel-1 under Sentinel-2", 'startswith("S1")', 'startswith("S3")'),
    ),
    *_of(
        f"{_SAFE}/l2a.py",
        "safe/test_l2a.py",
        (
            "quality: the last one stated counts",
            'results.get(name, "PASSED") == "PASSED"',
            "True",
        ),
        (
            "quality: what is not stated passes",
            'self.quality.get(name, "missing")',
            'self.quality.get(name, "PASSED")',
        ),
        (
            "quality: the sensor does not count",
            '    "SENSOR_QUALITY",',
            '    "FORMAT_CORRECTNESS",',
        ),
        ("L2A: nodata of any value", "if values != {str(NODATA)}", "if not values"),
        ("L2A: another zone", 'if crs != f"EPSG:{name.epsg}"', "if not crs"),
        ("L2A: another tile", "tile[1] != name.acquisition.mgrs", "not tile[1]"),
        ("L2A: images outside", "if not stays_inside(name)", "if not name"),
        ("L2A: two granules", "if len(granules) != 1", "if not granules"),
        (
            "L2A: coarse images for fine bands",
            '(b.name, f"{b.gsd_m}m")',
            '(b.name, "60m")',
        ),
    ),
    *_of(
        f"{_SAFE}/jp2.py",
        "safe/test_jp2.py",
        (
            "JP2: no end marker",
            "_read_at(file, end - 2, 2) != END_OF_CODESTREAM",
            "False",
        ),
        ("JP2: a tile is missing", "if missing:", "if len(missing) > 1:"),
    ),
    *_of(
        f"{_SAFE}/jp2_area.py",
        "safe/test_jp2_area.py",
        ("JP2 area: a part is missing", "if found != expected:", "if not found:"),
        ("JP2 area: another column", "row * grid.columns + column for", "column for"),
    ),
    *_of(
        f"{_SAFE}/manifest.py",
        "safe/test_manifest.py",
        (
            "manifest: any checksum",
            "found.checksum != expectation.value",
            "not expectation.value",
        ),
        (
            "manifest: any size",
            "expectation.size not in (None, found.size)",
            "expectation.size == -1",
        ),
        (
            "manifest: needed files may be missing",
            "_DISPENSABLE.fullmatch(name) is not None",
            "True",
        ),
        ("manifest: paths may climb", "if not stays_inside(path)", "if not path"),
        (
            "manifest: another product",
            "not in (None, archive.product)",
            "in (archive.path,)",
        ),
    ),
    *_of(
        f"{_SAFE}/zip_safety.py",
        "safe/test_zips.py",
        ("zip: names may climb", '".." in parts', '".." == parts[0]'),
        (
            "zip: links",
            "if info.is_dir() else stat.S_IFREG)",
            "if info.is_dir() else kind)",
        ),
        ("zip: bytes behind the end", "!= end + 22 + comment", "< end + 22 + comment"),
        ("zip: too many members", "Final = 10_000", "Final = 100_000"),
        ("zip: encrypted members", "bool(info.flag_bits & 0x1)", "False"),
        (
            "zip: members share bytes",
            "info.header_offset < end",
            "info.header_offset < 0",
        ),
        (
            "zip: names that differ in case",
            'normalize("NFC", name.casefold())',
            'normalize("NFC", name)',
        ),
        ("zip: bombs", "MAX_RATIO: Final = 200", "MAX_RATIO: Final = 2000"),
        ("zip: absolute names", 'name.startswith("/") or', ""),
        (
            "zip: stored with two sizes",
            "and info.file_size != info.compress_size",
            "and info.file_size < 0",
        ),
    ),
    *_of(
        f"{_SAFE}/zips.py",
        "safe/test_zips.py",
        ("zip: an archive inside", "if size == 0 and chunk", "if size < 0 and chunk"),
    ),
    *_of(
        f"{_DATA}/store.py",
        "resources/data_root/test_durability.py",
        (
            "publication: record before the data are on disk",
            "        flush_file_system(self.path)",
            "        pass",
        ),
        ("publication: journal not on disk", "flush_folder(journal.parent)", "pass"),
        (
            "publication: names not on disk",
            "        flush_folder(folder)",
            "        pass",
        ),
        (
            "publication: old record goes last",
            "if os.path.lexists(record):",
            "if not new:",
            "resources/data_root/test_publication.py",
        ),
        (
            "publication: without the lock",
            "        self.lock.require()",
            "        pass",
            "resources/data_root/test_publication.py",
        ),
        (
            "publication: takes what another tile shares",
            "if path not in gone & theirs",
            "if path",
        ),
        (
            "recovery: takes what another tile shares",
            "sorted(outputs - theirs)",
            "sorted(outputs)",
        ),
        (
            "locks: upstream is not held",
            "stack.enter_context(self.lock(asset, tile, on_wait))",
            "assert asset",
        ),
    ),
    *_of(
        f"{_DATA}/files.py",
        "resources/data_root/test_durability.py",
        ("sync: a small file", "os.fsync(file.fileno())", "pass"),
        ("sync: its name", "    flush_folder(path.parent)", "    pass"),
        ("sync: a folder", "        os.fsync(handle)", "        pass"),
        ("disk full: not known as such", "errno.ENOSPC:", "errno.ENOENT:"),
    ),
    *_of(
        f"{_DATA}/stored_tiles.py",
        "resources/data_root/test_durability.py",
        (
            "records: one of another tile passes",
            "(record.asset, record.tile) != (asset, tile)",
            "record.asset != asset",
        ),
    ),
    *_of(
        f"{_DATA}/records.py",
        "resources/data_root/test_durability.py",
        ("version: blind to the table", 'f"{self.sha256}{table}"', 'f"{self.sha256}"'),
        (
            "records: any seal",
            "if stored.pop(_SEAL, None) != seal_of(stored)",
            "if not stored.pop(_SEAL, None)",
        ),
    ),
    *_of(
        f"{_DATA}/locks.py",
        "resources/data_root/test_locks.py",
        (
            "locks: a process id is enough",
            "return started != owner.started",
            "return False",
        ),
        (
            "locks: a zombie lives",
            'return "" if not fields or fields[0] in "ZX"',
            'return "" if not fields',
        ),
    ),
    *_of(
        f"{_DATA}/file_locks.py",
        "resources/data_root/test_locks.py",
        ("locks: two make the file", "os.O_CREAT | os.O_EXCL", "os.O_CREAT"),
        ("locks: no second look", "_read(taken) != seen", "not _read(taken)"),
        (
            "locks: no guard",
            "                _flock(handle)\n",
            "                pass\n",
        ),
        (
            "locks: the silent one keeps it",
            "silent_seconds > limit",
            "silent_seconds > 9e9",
        ),
        ("locks: hosts are one", "owner.machine == here.machine", "owner.machine"),
        (
            "locks: an overtaken owner takes the new one",
            "read_plain(self._path) == self._content",
            "self._path.exists()",
        ),
    ),
    *_of(
        f"{_DATA}/digest_cache.py",
        "resources/data_root/test_digest_cache.py",
        ("digests: who verifies believes", "and not self._reads_anew", "and True"),
        ("digests: any seal", "and seal == seal_of(content)", "and seal"),
        ("digests: time of the inode", "        status.st_ctime_ns,\n", ""),
    ),
    *_of(
        f"{_DATA}/staleness.py",
        "resources/data_root/test_staleness.py",
        ("staleness: nothing is", "now is not None and now != digest", 'now == ""'),
        ("staleness: tiles that came", '"without": now - then', '"without": now - now'),
        (
            "staleness: tiles that went",
            '"with the absent": then - now',
            '"with the absent": now - now',
        ),
        (
            "staleness: the table does not count",
            "return facts.table.sha256",
            "return record.made_from[name]",
        ),
    ),
    *_of(
        f"{_DATA}/tile_files.py",
        "validation/test_verification.py",
        ("verify: sizes are enough", "if self.deep or problem or", "if problem or"),
    ),
    *_of(
        f"{_SCIENCE}/plain_files.py",
        "validation/test_verification.py",
        ("verify: any size", "if status.st_size != expected", "if not status.st_size"),
    ),
    *_of(
        "resources/inputs/reference.py",
        "resources/inputs/test_reference.py",
        ("mapping: a line twice is a contradiction", ".drop_duplicates()", ""),
        ("mapping: two matches pass", "if len(repeated):", "if len(repeated) > 9:"),
    ),
    *_of(
        "resources/inputs/pins.py",
        "resources/inputs/test_fetch.py",
        ("pins: any file", "file_digest(path) == self.sha256", "path.exists()"),
        ("pins: any git blob", "git_blob_id(path) == self.git_blob", "path.exists()"),
    ),
    *_of(
        "resources/cdse/access.py",
        "resources/cdse/test_session.py resources/cdse/test_access.py",
        (
            "secrets: the password is repeated",
            "self.account.password, self.account.totp_secret]",
            "self.account.totp_secret]",
        ),
        (
            "secrets: http to other machines",
            'scheme == "http" and is_loopback(host)',
            'scheme == "http"',
        ),
        ("secrets: to any host", "if not any(_matches(", "if not all(_matches("),
        (
            "secrets: the password in a text",
            "password: str = field(repr=False)",
            "password: str",
        ),
        (
            "secrets: the S3 key in a text",
            "secret_key: str = field(repr=False)",
            "secret_key: str",
        ),
    ),
    *_of(
        "resources/cdse/session.py",
        "resources/cdse/test_session.py",
        (
            "secrets: a token that others can read",
            "os.O_EXCL, 0o600",
            "os.O_EXCL, 0o644",
        ),
    ),
    *_of(
        "resources/transfers/transport.py",
        "resources/cdse/test_session.py resources/cdse/test_access.py",
        (
            "secrets: the password follows a redirect",
            "if request.has_body",
            "if request.form == b''",
        ),
        (
            "secrets: queries are shown",
            'parts.path, "", "")',
            'parts.path, parts.query, "")',
        ),
    ),
    *_of(
        "resources/transfers/transfer.py",
        "resources/cdse/test_download.py",
        (
            "download: a weak validator",
            'if etag and not etag.startswith("W/")',
            "if etag",
        ),
    ),
    *_of(
        "resources/transfers/delivery.py",
        "resources/cdse/test_delivery.py",
        (
            "download: another zip than promised",
            "if not verified.stale or repeated",
            "if True",
        ),
        ("download: any checksum", "    if expected == found:", "    if expected:"),
    ),
    *_of(
        "resources/cdse/catalogue.py",
        "resources/cdse/test_catalogue.py",
        ("catalogue: a similar name", 'if row.get("Name") == name]', "]"),
        (
            "catalogue: offline products",
            "if not self.hits[0].online",
            "if not self.hits[0].id",
        ),
        ("catalogue: two products", "if len(self.hits) > 1", "if len(self.hits) > 2"),
    ),
    *_of(
        f"{_STEPS}/step_context.py",
        "steps/test_results.py",
        (
            "steps: stale inputs pass",
            "[*stale_inputs(ctx.storage, record), *changed]",
            "[*changed]",
        ),
        (
            "steps: another alignment passes",
            "if facts.alignment != tile.alignment",
            "if not tile.alignment",
        ),
    ),
    *_of(
        f"{_STEPS}/release.py",
        "steps/test_results.py",
        ("release: two processors", "if len(tiles_of) > 1", "if len(tiles_of) > 2"),
        ("sums: one blank", "{digest}  {name}", "{digest} {name}"),
    ),
    *_of(
        f"{_STEPS}/dataset.py",
        "steps/test_results.py",
        ("data set: all valid patches", '.query("kept")', '.query("valid")'),
        (
            "data set: two patches with one match",
            '    require_unique(kept, "s1_name")',
            "    pass",
        ),
    ),
    *_of(
        "ben_assets/assets/tile_asset.py",
        "assets/test_tile_asset.py",
        (
            "locks: a step reads what another replaces",
            "reading(read,",
            "reading((),",
        ),
    ),
    *_of(
        "ben_assets/validation/expected_hashes.py",
        "validation/test_expected_hashes.py",
        (
            "expected hashes: another sen2cor passes",
            "reasons = [objection] if objection else []",
            "reasons: list[str] = []",
        ),
        (
            "expected hashes: other columns",
            "if not set(columns) <= set(",
            "if not set(columns) & set(",
        ),
        (
            "expected hashes: nothing is compared",
            "if expected[name] != found[name]]",
            "if not found[name]]",
        ),
    ),
    *_of(
        f"{_SCIENCE}/value_scale.py",
        "bigearthnet/test_value_scale.py",
        ("scale: dark becomes no data", "NODATA + 1, SATURATED - 1)", "0, 65_534)"),
        ("scale: saturated is shifted", "table[NODATA], table[SATURATED] =", "_ ="),
        (
            "scale: offset subtracted",
            "np.arange(_VALUES) + offset",
            "np.arange(_VALUES) - offset",
        ),
        (
            "scale: only the first stripe",
            "range(0, len(pixels), _STRIPE_ROWS)",
            "range(0, 1)",
        ),
    ),
    *_of(
        f"{_SCIENCE}/recipe.py",
        "bigearthnet/test_recipe.py",
        (
            "recipe: blind to a legend of one's own",
            'if is_own else b"")',
            'if not content else b"")',
        ),
        ("recipe: a land cover without year", '["legend", "year"]', '["legend"]'),
        (
            "recipe: paths count from anywhere",
            "return recipe.parent / expanded(text",
            "return expanded(text",
        ),
    ),
    *_of(
        f"{_SCIENCE}/land_cover_raster.py",
        "bigearthnet/test_land_cover_raster.py",
        (
            "land cover: the last raster with a value counts",
            "wanted = block == NO_LAND_COVER",
            "wanted = np.ones_like(block, dtype=bool)",
        ),
        (
            "land cover: beside a raster its edge goes on",
            "wanted &= (columns >= 0) & (columns < width)",
            "wanted &= (rows >= 0) & (columns < width)",
        ),
        (
            "land cover: a block's columns as if it began at the raster's",
            "+ (columns - west)",
            "+ columns",
        ),
        (
            "land cover: no data is a code",
            "if 0 <= nodata < _VALUES:",
            "if not nodata:",
        ),
        (
            "land cover: wide values that are no data are unknown",
            "codes[values == self.nodata] = NO_LAND_COVER",
            "",
        ),
        (
            "land cover: an unknown code is 0",
            "if not codes.all() and not codes.all(where=wanted):",
            "if not codes.any():",
        ),
        ("land cover: one side of the antimeridian", "(0, -360, 360)", "(0,)"),
        ("land cover: a negative value wraps", "(values >= 0) & ", "True & "),
        (
            "land cover: a virtual raster is one file",
            'if raster.suffix.lower() != ".vrt":',
            "if raster.suffix:",
        ),
        (
            "land cover: fractions are codes",
            "not np.issubdtype(source.dtypes[0], np.integer)",
            "not source.dtypes[0]",
        ),
    ),
    *_of(
        f"{_SCIENCE}/pixel_centres.py",
        "bigearthnet/test_land_cover_raster.py",
        ("centres: corners instead", "np.arange(side) + 0.5", "np.arange(side)"),
        ("centres: rounded", "np.floor(row, out=row)", "np.rint(row, out=row)"),
        ("centres: few polynomials", "_NODES: Final = 16", "_NODES: Final = 3"),
        (
            "centres: longitudes jump at 180 degrees",
            "np.degrees(np.unwrap(np.unwrap(np.radians(x), axis=0), axis=1))",
            "np.degrees(np.radians(x))",
        ),
        ("centres: rows go north", "grid.uly - half", "grid.uly + half"),
    ),
    *_of(
        f"{_SCIENCE}/legend.py",
        "bigearthnet/test_recipe.py bigearthnet/test_corine.py",
        ("legend: a code twice", "if code in classes:", "if not code:"),
        (
            "legend: other columns",
            "if tuple(rows.fieldnames or ()) != COLUMNS",
            "if not rows.fieldnames",
        ),
    ),
    *_of(
        "ben_assets/training/encoding.py",
        "training/test_databases.py",
        (
            "lmdb: keys end before the column",
            'name.rpartition("_")',
            'name.partition("_")',
        ),
        (
            "lmdb: a tensor by another name",
            'MAP_TENSOR: Final = "Data"',
            'MAP_TENSOR: Final = "data"',
        ),
        (
            "lmdb: changed files pass",
            "proven_content(file.path, file.sha256)",
            "file.path.read_bytes()",
        ),
    ),
    *_of(
        "ben_assets/training/patch_database.py",
        "training/test_databases.py",
        (
            "lmdb: changed values pass",
            "digests.get(key.decode()) != found:",
            "digests.get(key.decode()) is None:",
        ),
        ("lmdb: values unread", "if self._digests is not None:", "if False:"),
        ("lmdb: a key lacks", "if count != len(digests):", "if count > len(digests):"),
        (
            "lmdb: a key twice",
            "append=True, overwrite=False",
            "append=False, overwrite=True",
        ),
    ),
    *_of(
        "ben_assets/training/index.py",
        "training/test_release.py",
        ("index: latitude first", "always_xy=True", "always_xy=False"),
        (
            "index: the corner in place of the centre",
            "west + PATCH_SIZE_M / 2, north - PATCH_SIZE_M / 2",
            "west, north",
        ),
        (
            "index: rows go north",
            'origin.corner[1] - patches["y"]',
            'origin.corner[1] + patches["y"]',
        ),
        ("index: in the order of names", '["distance", "patch"]', '["patch"]'),
    ),
    *_of(
        "ben_assets/training/classes.py",
        "training/test_release.py",
        (
            "classes: no class is the first",
            "NO_CLASS: Final = 255",
            "NO_CLASS: Final = 0",
        ),
        (
            "classes: numbers by name",
            "enumerate(PAPER_ORDER)",
            "enumerate(ALPHABETICAL_ORDER)",
        ),
    ),
    *_of(
        "ben_assets/training/shards.py",
        "training/test_release.py",
        ("samples: snow with cloud alone is unclear", "pc.or_(", "pc.and_("),
        (
            "samples: not mixed",
            'hashlib.sha256(f"{salt}{patch_id}".encode()).digest(), patch_id',
            'b"", patch_id',
        ),
    ),
    *_of(
        "ben_assets/training/manifest.py",
        "training/test_release.py",
        ("release manifest: paths may climb", "stays_inside(name), ", "bool(name), "),
    ),
    *_of(
        "resources/uploads/upload_file.py",
        "resources/uploads/test_uploads.py",
        ("uploads: each part is the first", "file.seek(self.offset)", "file.seek(0)"),
    ),
    *_of(
        "resources/uploads/huggingface.py",
        "resources/uploads/test_uploads.py",
        (
            "hub: any digest",
            "return None if expected == found",
            "return None if expected",
        ),
        (
            "hub: a public one is changed unasked",
            "if not is_private and not publishes:",
            "if publishes and not publishes:",
        ),
    ),
    *_of(
        "resources/uploads/zenodo.py",
        "resources/uploads/test_uploads.py",
        ("zenodo: any digest", "if stated != sending.md5:", "if not stated:"),
        ("zenodo: two of one name", "if count > 1]", "if count > 2]"),
    ),
    *_of(
        "resources/data_root/facts.py",
        "resources/data_root/test_facts.py",
        ("facts: of more than is known", 'extra="forbid"', 'extra="ignore"'),
        ("facts: texts for numbers", "strict=True", "strict=False"),
        ("facts: names may climb", "if not stays_inside(name):", "if not name:"),
        ("facts: times without a zone", "time.tzinfo is None or not", "not"),
    ),
    *_of(
        "resources/transfers/transfer.py",
        "resources/cdse/test_download.py resources/cdse/test_delivery.py",
        (
            "transfer: a part of any place",
            "if start == self.size and is_same",
            "if start >= 0 and is_same",
        ),
    ),
    *_of(
        "resources/transfers/bucket.py",
        "cli/test_sample.py",
        ("ranges: any part", "found == place and", "found and"),
    ),
    *_of(
        "resources/transfers/retrier.py",
        "resources/cdse/test_session.py",
        ("limits: one connection more", "range(self._slots)", "range(self._slots + 1)"),
    ),
    *_of(
        "ben_assets/training/shards.py",
        "training/test_release.py",
        (
            "shards: larger than the limit",
            "_packed_size(following) <= limit",
            "0 <= limit",
        ),
        ("shards: numbers do not go on", "        number += 1", "        number += 2"),
    ),
    *_of(
        "ben_assets/training/subsets.py",
        "training/test_subsets.py",
        ("subset: the seed does not count", 'f"{selection.seed}/"', '"0/"'),
        ("subset: rounded down", "math.ceil(", "math.floor("),
        (
            "subset: files may be read",
            "enable_external_access = false",
            "enable_external_access = true",
        ),
        (
            "subset: one class too often",
            "seen[label] < wanted",
            "seen[label] <= wanted",
        ),
        ("subset: two statements", ") != 1:", ") == 0:"),
    ),
    *_of(
        "resources/redaction.py",
        "resources/test_redaction.py",
        ("secrets: encoded once", "_LEVELS: Final = 3", "_LEVELS: Final = 2"),
        (
            "secrets: all words that a long one has",
            "if len(secret) < _LONG else _PART_OF_LONG",
            "if len(secret) else _PART_OF_LONG",
        ),
        (
            "secrets: one at the start goes unseen",
            "shown, before = [], False",
            "shown, before = [], True",
        ),
        ("secrets: letters beyond 16 bits", "|\\\\(?-i:U)", "|\\\\(?-i:V)"),
        ("secrets: a PEM file's first line", '_ARMOUR.sub(" ", secret)', "secret"),
    ),
    *_of(
        f"{_SAFE}/l2a.py",
        "safe/test_l2a.py",
        ("product: an oblong grid", "if rows != cols or (xdim", "if (xdim"),
        ("product: one corner of three", "if len(grids) != 1:", "if not grids:"),
        ("product: any offset beside v1", "needs_v1 and self.has_offset", "False"),
        ("product: any scale", "self.quantification != QUANTIFICATION", "False"),
        ("product: fractions are cut", "if number != int(number):", "if False:"),
        ("product: larger than a tile", "not 0 < cols <= largest", "not 0 < cols"),
    ),
    *_of(
        "ben_assets/training/subsets.py",
        "training/test_subsets.py",
        ("subset: more than all", "if not 0 < self.share <= 1:", "if not self.share:"),
        ("subset: any name", "if not _NAME.fullmatch(name):", "if not name:"),
    ),
    *_of(
        "resources/transfers/timeouts.py",
        "resources/test_retrier.py",
        ("times: without end", "0 <= value < math.inf", "0 <= value"),
        (
            "times: questions are patient",
            "total_seconds=min(self.total_seconds, seconds)",
            "total_seconds=self.total_seconds",
        ),
    ),
    *_of(
        "resources/transfers/transfer.py",
        "resources/test_retrier.py",
        (
            "transfer: the same bytes are progress",
            "            self._furthest = self.size\n",
            "",
        ),
        (
            "transfer: any pace",
            "if self.bytes < timeouts.min_bytes",
            "if 0 > timeouts.min_bytes",
        ),
    ),
    *_of(
        "resources/cdse/catalogue.py",
        "resources/cdse/test_catalogue.py",
        (
            "catalogue: any id",
            'if not re.fullmatch(r"[0-9A-Za-z-]+", product_id):',
            "if not product_id:",
        ),
    ),
    *_of(
        "ben_assets/steps/preflight.py",
        "steps/test_sources.py",
        ("preflight: one at a time", "_AT_ONCE: Final = 4", "_AT_ONCE: Final = 1"),
        ("preflight: many at once", "_AT_ONCE: Final = 4", "_AT_ONCE: Final = 9"),
    ),
    *_of(
        "resources/transfers/transport.py",
        "resources/test_redaction.py",
        ("pause: by our clock", "until - server_time(headers)", "until - time.time()"),
    ),
    *_of(
        "resources/product_sources.py",
        "steps/test_sources.py",
        (
            "sources: an incomplete product ends it",
            "    ChecksumMismatch,\n    ServiceUnavailable,\n",
            "    ServiceUnavailable,\n",
        ),
        (
            "sources: a closed bucket is an error",
            "raise ServiceUnavailable(str(error)) from None",
            "raise",
        ),
        (
            "sources: the last failure",
            "if error.is_retryable), errors[0]",
            "if not error), errors[0]",
        ),
    ),
    *_of(
        "resources/transfers/product_tree.py",
        "resources/gcs/test_bucket.py",
        (
            "bucket: any size",
            "elif declared.size not in (None, stored.size):",
            "elif False:",
        ),
        (
            "bucket: any listed digest",
            "_is_md5(declared) and stored.md5 not in (None, declared.value)",
            "False",
        ),
        (
            "bucket: any digest of what arrives",
            "found is not None and stored.md5 not in (None, found.hexdigest())",
            "False",
        ),
        ("bucket: files may lack", "if not is_dispensable(name):", "if False:"),
        ("bucket: names may climb", "if not stays_inside(path)", "if not path"),
        (
            "bucket: nothing is hashed",
            "hashes=not _is_declared_md5(manifest.get(name), stored)",
            "hashes=False",
        ),
    ),
    *_of(
        "resources/transfers/bucket.py",
        "resources/gcs/test_bucket.py",
        ("listing: it may repeat itself", "one.key in found or len", "len"),
        (
            "listing: cut short",
            'if texts.get("IsTruncated") == "true" and not token:',
            "if False:",
        ),
        ("listing: of other keys", "if not key.startswith(prefix):", "if False:"),
    ),
    *_of(
        "resources/transfers/packing.py",
        "resources/test_packing.py",
        ("packed zip: modes", "stat.S_IFREG | 0o644", "stat.S_IFREG | 0o600"),
        ("packed zip: time", "(1980, 1, 1, 0, 0, 0)", "(1981, 1, 1, 0, 0, 0)"),
        ("packed zip: order", "sorted([*sizes, *(f", "list([*sizes, *(f"),
        ("packed zip: no CRC", "crcs.get(name, 0)", "0"),
    ),
    *_of(
        "resources/transfers/retrier.py",
        "resources/test_retrier.py",
        ("tries: one more", "_failures >= MOST_FAILURES", "_failures > MOST_FAILURES"),
        ("pause: it can be shortened", "if until > self._until():", "if True:"),
        ("pause: nobody waits", "left := self._until() - time.time()", "left := 0"),
        (
            "pause: a wait counts",
            "with self.not_counted():\n            self._pause.wait()",
            "with contextlib.nullcontext():\n            self._pause.wait()",
        ),
        (
            "pause: of a clock put back",
            "return until if until <= time.time() + self._longest else 0.0",
            "return until",
        ),
    ),
    *_of(
        f"{_SAFE}/directory_manifest.py",
        "safe/test_file_digests.py",
        (
            "product: unknown rasters",
            "for n in sorted(images - expectations.keys())",
            "for n in ()",
        ),
        (
            "product: changed rasters",
            "if one.problem and n in images",
            "if one.problem and n not in images",
        ),
    ),
    *_of(
        f"{_SAFE}/xml_files.py",
        "safe/test_l2a.py safe/test_manifest.py",
        ("XML: any depth", "if depth > MAX_DEPTH:", "if False:"),
        ("XML: any size", " or status.st_size > MAX_BYTES", ""),
    ),
    *_of(
        "resources/sen2cor/client.py",
        "resources/sen2cor/test_sen2cor.py",
        ("sen2cor: cut rasters", "        codestream_digest(path)\n", ""),
        ("sen2cor: no quality", "if not product.quality:", "if False:"),
        ("sen2cor: another place", "if found != expected:", "if False:"),
        ("sen2cor: one of several", "if len(products) != 1:", "if not products:"),
    ),
    *_of(
        f"{_STEPS}/publishing.py",
        "training/test_release.py",
        ("publishing: other tiles", "if made_from != tiles:", "if False:"),
        ("publishing: cut files", "        _require_whole(ctx, asset)\n", ""),
        ("publishing: a part too many", "size <= part_bytes:", "size < part_bytes:"),
        ("publishing: files to write to", "chmod(0o444)", "chmod(0o644)"),
    ),
    *_of(
        f"{_DATA}/stored_tiles.py",
        "training/test_databases.py",
        ("hash lists: any", "        if found != record.sha256:", "        if False:"),
    ),
    *_of(
        f"{_SCIENCE}/relative_names.py",
        "resources/data_root/test_untrusted_names.py",
        ("names: of any length", "max(map(len, parts)) <= MAX_PART_BYTES", "True"),
    ),
    *_of(
        f"{_SCIENCE}/spatial_index.py",
        "steps/test_lossy_inputs.py",
        ("index: any box", "east >= box[1]", "east >= box[0]"),
        (
            "index: bytes the other way round",
            '"<" if start[3] & 1 else ">"',
            '">" if start[3] & 1 else "<"',
        ),
    ),
    *_of(
        f"{_SAFE}/band_rasters.py",
        "safe/test_l2a.py",
        ("bands: any size", "if found > most:", "if False:"),
        ("bands: any type", '("data type", "uint16", raster.dtypes[0]),\n', ""),
        (
            "bands: an overview is enough",
            "return bool(read_band(product, band).any())",
            "return False",
        ),
    ),
    *_of(
        "resources/inputs/fetch.py",
        "resources/inputs/test_fetch.py",
        (
            "pinned: a wrong part is kept",
            "if was_continued and not pin.matches(part):",
            "if False:",
        ),
        (
            "pinned: any file",
            "    if not pin.matches(part):\n        size",
            "    if False:\n        size",
        ),
        ("pinned: any size", "size=pin.bytes, most", "size=None, most"),
    ),
    *_of(
        "resources/inputs/exported.py",
        "resources/inputs/test_exported.py",
        ("export: any source", "if found != file.sha256:", "if False:"),
        ("export: zips unproven", "if path.parent.name == L1C:", "if False:"),
    ),
    *_of(
        "resources/inputs/v1_source.py",
        "resources/inputs/test_v1_source.py",
        (
            "v1: upside down",
            '("ulx", "lry", "lrx", "uly")',
            '("ulx", "uly", "lrx", "lry")',
        ),
        (
            "v1: any zone",
            "for epsg in by_zone.keys() - set(V1_ZONES):",
            "for epsg in ():",
        ),
    ),
    *_of(
        "ben_assets/validation/patch_rules.py",
        "validation/test_rules.py",
        ("rule: zeros pass", "pixels.min() != NODATA", "pixels.max() != NODATA"),
    ),
    *_of(
        "ben_assets/validation/dataset_rules.py",
        "validation/test_rules.py",
        ("rule: labels in any order", "list(labels) != sorted(set(labels))", "False"),
        (
            "rule: maps too large",
            "totals[totals != REFERENCE_MAP_PIXELS**2]",
            "totals[totals < REFERENCE_MAP_PIXELS**2]",
        ),
    ),
    *_of(
        "ben_assets/validation/expected_hashes.py",
        "validation/test_recording.py",
        ("tracking: tables with gaps", "return facts.left_out > 0", "return False"),
        (
            "tracking: other tiles go",
            "both = old | now\n    rows = [(tile, *both[tile].v",
            "both = now\n    rows = [(tile, *both[tile].v",
        ),
    ),
    *_of(
        f"{_DATA}/store.py",
        "resources/data_root/test_publication.py",
        (
            "publication: no room for folders",
            "_make_parents([folder / output for output in new], ",
            "_make_parents([], ",
        ),
    ),
)
"""All faults, in the order of the data's way through the code."""
