"""Whether a version may take the place of those before, by who signed it: pure.

Trust on first use: the first signed version brings its publisher, who is pinned. Later ones have to be signed by the
same key, or by one to which that key leads; anything else needs a person who says so.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from perdure.runtime.packages.errors import PublisherChanged, PublisherNotAccepted, SignatureMissing
from perdure.runtime.packages.fingerprint import checked_fingerprint, fingerprint, is_fingerprint_of
from perdure.runtime.packages.version_source import Signature
from perdure.store.extension_state import PinnedPublisher


class Trust(enum.StrEnum):
    """Why a version is taken."""

    UNSIGNED = "unsigned"  # it is not signed, and nobody is pinned
    FIRST = "first"  # nobody was pinned: its publisher will be
    SAME = "same"  # the pinned publisher signed it
    ENDORSED = "endorsed"  # the pinned publisher signed the key that signed it
    ACCEPTED = "accepted"  # a person said that it may take the place of the pinned publisher
    UNSIGNED_ACCEPTED = "unsigned-accepted"  # a person said that it needs no signature


# Those with which the pinned publisher becomes the one who signed.
PINNING: Final = frozenset({Trust.FIRST, Trust.ENDORSED, Trust.ACCEPTED})


class PublisherRules(msgspec.Struct, frozen=True):
    """What a person said of the publisher: the fingerprint that it must have, and whether it need not be signed."""

    accept: str | None = None
    unsigned: bool = False


ANY_PUBLISHER: Final = PublisherRules()


def checked_rules(accept: str | None, unsigned: bool) -> PublisherRules:
    """Rules of what a caller gave.

    Raises:
        InvalidFingerprint: ``accept`` is none.
    """
    return PublisherRules(checked_fingerprint(accept) if accept is not None else None, unsigned)


def trusted(
    extension: str, pinned: PinnedPublisher | None, signature: Signature | None, rules: PublisherRules
) -> Trust:
    """Why the version with this signature is taken.

    Raises:
        PublisherError: it is not.
    """
    words = fingerprint(pinned.key) if pinned is not None else None
    found = fingerprint(signature.key) if signature is not None else None
    if rules.accept is not None and (signature is None or not is_fingerprint_of(rules.accept, signature.key)):
        raise PublisherNotAccepted(extension, rules.accept, words, found)
    if signature is None or found is None:
        if pinned is None or words is None:
            return Trust.UNSIGNED
        if rules.unsigned:
            return Trust.UNSIGNED_ACCEPTED
        raise SignatureMissing(extension, words)
    if pinned is None or words is None:
        return Trust.FIRST
    if pinned.key == signature.key:
        return Trust.SAME
    if pinned.key in signature.earlier:
        return Trust.ENDORSED
    if rules.accept is not None:
        return Trust.ACCEPTED
    raise PublisherChanged(extension, words, found)
