"""Who asks."""

from __future__ import annotations

from perdure.api import me
from perdure.api.me import Me, WhoAmI
from perdure.runtime.version import perdure_version
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site


def add_readers(readers: Readers) -> None:
    """The family's."""
    readers.add(me.ME, who)


def who(site: Site, caller: Caller, request: WhoAmI) -> Me:
    """What was found out of the caller before it was let in."""
    return Me(
        client=caller.client,
        name=caller.name,
        scopes=sorted(caller.scopes),
        libraries=sorted(caller.libraries) if caller.libraries is not None else None,
        extensions=sorted(caller.extensions) if caller.extensions is not None else None,
        version=perdure_version(),
    )
