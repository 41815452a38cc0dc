"""An album is indexed by the photos example: each picture inspected, hashed, made small, and kept with its sidecars.

The floor is what Pillow and ImageHash need for the same pictures, one after the other in one thread, with nothing kept.
`python3 -m tests.crash.photos_campaign` does the same with 10,000 pictures and kills, and says where the time goes.
"""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from bench.albums import make_album
from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes

_EXAMPLE = Path(__file__).parents[1] / "examples" / "photos"
_PILLOW = Figure("pillow", "Pillow and ImageHash alone, same pictures, one thread", "pictures/s", Better.MORE)
_PHOTOS = Figure("photos", "photos example, album indexed, durable", "pictures/s", Better.MORE, "pillow")


def groups(sizes: Sizes) -> Iterator[Group]:
    """The album, and its floor; nothing if the sizes have no pictures."""
    if sizes.photos:
        yield Group((_PILLOW,), partial(pillow_alone, photos=sizes.photos))
        yield Group((_PHOTOS,), partial(_indexed, photos=sizes.photos))


def _indexed(folder: Path, photos: int) -> Mapping[str, float]:
    data = folder / "data"
    shutil.copytree(_installed(), data)
    data.chmod(0o700)
    return indexing(data, folder / "album", photos)


def indexing(data: Path, album: Path, photos: int) -> Mapping[str, float]:
    """Index an album with the photos example, which is installed in ``data``."""
    from perdure.runtime import Runtime

    list(make_album(album, photos))
    with Runtime.open(data) as runtime:
        runtime.load("photos")
        runtime.share_folder("photos", "album", album)
        start = time.perf_counter()
        done = runtime.dispatch("photos:index", {"folder": "album"}).wait()
        taken = time.perf_counter() - start
    if (str(done.status), done.items, done.warnings) != ("completed", photos, 0):
        raise BenchFailed(f"the job is {done.status} after {done.items} of {photos} pictures")
    return {"photos": photos / taken}


def pillow_alone(folder: Path, photos: int) -> Mapping[str, float]:
    """What the libraries need."""
    import imagehash
    from PIL import Image

    list(make_album(folder / "album", photos))
    files = sorted((folder / "album").rglob("*.jpg"))
    start = time.perf_counter()
    for file in files:
        data = file.read_bytes()
        with Image.open(io.BytesIO(data)) as head:
            dict(head.getexif().get_ifd(0x8769))
        with Image.open(io.BytesIO(data)) as picture:
            imagehash.phash(picture)
            imagehash.dhash(picture)
        with Image.open(io.BytesIO(data)) as picture:
            picture.thumbnail((320, 320))
            picture.save(io.BytesIO(), "JPEG", quality=80)
    return {"pillow": photos / (time.perf_counter() - start)}


@cache
def _installed() -> Path:
    """A data folder with the example, built and compiled once for all runs."""
    from perdure.runtime import Runtime, grant_as_asked
    from perdure.toolchain import build, deliver, project_in

    home = Path(tempfile.mkdtemp(prefix="perdure-bench-photos-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    shutil.copytree(_EXAMPLE, home / "project", ignore=shutil.ignore_patterns(".perdure-build", "dist", "__pycache__"))
    deliver(build(project_in(home / "project"), lambda line: None), home / "extension")
    with Runtime.open(home / "data", consent=grant_as_asked) as runtime:
        runtime.install(home / "extension")
        runtime.load("photos")
    return home / "data"
