"""The extension and its jobs: index a folder, find moments, find what is there twice."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from perdure_sdk import Extension, InvalidPayload, JobContext, NotFound, OperationFailed, pages
from perdure_sdk.clients import Entry, ListedFile, NewSidecar
from photos.album import Section, days, page, time_of, where
from photos.moments import middle, moments_of
from photos.photo import Photo, metadata_of, name_of, photo_of
from photos.similar import MOST_DISTANCE, similar

ext = Extension(
    "photos",
    name="Photos",
    version="0.1.0",
    description="Indexes a folder of pictures; finds its moments, and the pictures that are there twice.",
    methods=[
        "query:files.list",
        "query:media.hash",
        "query:media.inspect",
        "query:media.thumbnail",
        "query:vdfs.list_entries",
        "query:vdfs.read_sidecar",
        "action:vdfs.create_entry",
        "action:vdfs.update_metadata",
        "action:vdfs.write_sidecar",
    ],
    requests_per_minute=60_000,  # four for each new picture
    max_memory_mb=512,
)

SUFFIXES = [".jpg", ".jpeg", ".png", ".heic", ".heif", ".hif", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".avif"]


@dataclass
class IndexState:
    """Which shared folder (``NAME`` or ``NAME/below``), the last file that is done, and what was found so far."""

    folder: str
    thumbnail: int = 320
    after: str | None = None
    total: int = 0
    indexed: int = 0
    updated: int = 0
    unchanged: int = 0
    broken: int = 0
    vanished: int = 0


@ext.job
def index(ctx: JobContext, state: IndexState) -> None:
    """Make an entry of each picture, and bring those that are there up to date."""
    known = {entry.metadata["file"]: entry for entry in _entries(ctx)}
    there = {file.file for file in _files(ctx, state.folder)}
    state.total = len(there)
    for file in _files(ctx, state.folder, state.after):
        ctx.check_interrupt()
        _index_one(ctx, state, file, known.get(file.file))
        state.after = file.file
        ctx.increment_items()
        ctx.increment_bytes(file.size)
        done = state.indexed + state.updated + state.unchanged + state.broken
        if done % 25 == 0:
            ctx.report_progress(min(done / max(state.total, 1), 1.0), f"{done:,} of {state.total:,} pictures")
            ctx.checkpoint(state)
    for name, entry in known.items():
        if name.startswith(f"{state.folder}/") and name not in there and not entry.metadata.get("vanished"):
            ctx.vdfs.update_metadata(entry.id, metadata={"vanished": True})
            state.vanished += 1
    ctx.report_progress(1.0, f"{state.indexed:,} new, {state.updated:,} changed, {state.unchanged:,} as they were")


def _index_one(ctx: JobContext, state: IndexState, file: ListedFile, entry: Entry | None) -> None:
    if entry and (entry.metadata["size"], entry.metadata["modified"]) == (file.size, file.modified):
        if entry.metadata.get("vanished"):
            ctx.vdfs.update_metadata(entry.id, metadata={"vanished": None})
        state.unchanged += 1
        return
    try:
        found = ctx.media.inspect(file=file.file)
        hashes = ctx.media.hash(file=file.file, algorithms=["phash", "dhash"])
        small = ctx.media.thumbnail(file=file.file, max_width=state.thumbnail, max_height=state.thumbnail)
    except (InvalidPayload, OperationFailed, NotFound) as error:  # it is damaged, or went away since it was listed
        ctx.add_warning(f"{file.file}: {error.message}")
        state.broken += 1
        return
    metadata, kind = metadata_of(file, found, hashes), found.media_type
    exif = json.dumps(asdict(found.exif) if found.exif else {}, ensure_ascii=False)
    beside = [
        NewSidecar(name="thumbnail", media_type=small.media_type, content=small.content),
        NewSidecar(name="exif", media_type="application/json", text=exif),
    ]
    if entry is None:
        name = name_of(file.file)
        ctx.vdfs.create_entry(name, kind="photo", media_type=kind, metadata=metadata, sidecars=beside, if_absent=True)
        state.indexed += 1
        return
    for one in beside:
        ctx.vdfs.write_sidecar(entry.id, one.name, media_type=one.media_type, content=one.content, text=one.text)
    # At last, so that what an entry says of its file is true of its sidecars, too.
    ctx.vdfs.update_metadata(entry.id, metadata=metadata, media_type=kind)
    state.updated += 1


@dataclass
class MomentsState:
    """A moment ends when nothing is taken for so many hours, or the next picture so far away."""

    gap_hours: float = 6.0
    distance_km: float = 50.0
    entry: str | None = None
    moments: int = 0
    undated: int = 0


@ext.job
def moments(ctx: JobContext, state: MomentsState) -> None:
    """Write the library's moments beside an entry: ``moments.json``, and ``album.html`` to look at."""
    photos = list(_photos(ctx))
    found, sections = [], []
    for moment in moments_of(photos, state.gap_hours, state.distance_km)[::-1]:
        ctx.check_interrupt()
        begin, end, place = moment[0].seconds or 0.0, moment[-1].seconds or 0.0, middle(moment)
        ids = [photo.id for photo in moment]
        found.append({"begin": f"{time_of(begin)}", "end": f"{time_of(end)}", "place": place, "photos": ids})
        if len(sections) < 100:
            spread = moment[:: -(-len(moment) // 6)]
            line = f"{len(moment):,} pictures, {where(place)}"
            sections.append(Section(days(begin, end), line, _thumbnails(ctx, spread)))
    state.moments, state.undated = len(found), sum(photo.seconds is None for photo in photos)
    state.entry = _written(ctx, "Moments", "moments.json", found, page("Moments", sections))


@dataclass
class DuplicatesState:
    """In how many of 64 bits two pictures that look alike may differ."""

    distance: int = 6
    entry: str | None = None
    groups: int = 0
    photos: int = 0


@ext.job
def duplicates(ctx: JobContext, state: DuplicatesState) -> None:
    """Write the groups of pictures that look alike, the best one first: ``duplicates.json`` and ``album.html``."""
    if not 0 <= state.distance <= MOST_DISTANCE:
        raise ValueError(f"distance is {state.distance}, it may be 0 to {MOST_DISTANCE}")
    groups, sections = similar(_photos(ctx), state.distance), []
    for group in groups[:100]:
        ctx.check_interrupt()
        line = f"the best of {len(group)}: {group[0].pixels / 1e6:.1f} megapixels, {group[0].size / 1e6:.2f} MB"
        sections.append(Section(group[0].file, line, _thumbnails(ctx, group[:6])))
    found = [[{"entry": p.id, "file": p.file, "size": p.size, "pixels": p.pixels} for p in group] for group in groups]
    state.groups, state.photos = len(groups), sum(map(len, groups))
    state.entry = _written(ctx, "Duplicates", "duplicates.json", found, page("Pictures that look alike", sections))


def _written(ctx: JobContext, name: str, json_name: str, found: object, album: str) -> str:
    entry = ctx.vdfs.create_entry(name, kind="album", if_absent=True)
    ctx.vdfs.write_sidecar(entry.id, json_name, media_type="application/json", text=json.dumps(found))
    ctx.vdfs.write_sidecar(entry.id, "album.html", media_type="text/html; charset=utf-8", text=album)
    return str(entry.id)


def _thumbnails(ctx: JobContext, photos: list[Photo]) -> list[tuple[str, bytes]]:
    return [(photo.file, ctx.vdfs.read_sidecar(photo.id, "thumbnail").content or b"") for photo in photos]


def _files(ctx: JobContext, folder: str, after: str | None = None) -> Iterator[ListedFile]:
    for listed in pages(ctx.files.list, folder, after=after, limit=1000, suffixes=SUFFIXES):
        yield from listed.files


def _entries(ctx: JobContext) -> Iterator[Entry]:
    for listed in pages(ctx.vdfs.list_entries, kind="photo", extension=ext.id, limit=1000, cursor="cursor"):
        yield from listed.entries


def _photos(ctx: JobContext) -> Iterator[Photo]:
    return (photo_of(entry) for entry in _entries(ctx) if not entry.metadata.get("vanished"))
