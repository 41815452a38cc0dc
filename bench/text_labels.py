"""How well the local model labels texts: ``python3 -m bench.text_labels``, and each text that it got wrong.

The method and its numbers were chosen on the texts in ``bench/texts/chosen``. Those in ``bench/texts/held_out`` were
written afterwards and looked at once: their labels, languages and lengths are others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from perdure.cli.ai_endpoint import ai_settings
from perdure.runtime import Runtime, RuntimeSettings

FOLDER: Final = Path(__file__).with_name("texts")
OPERATION: Final = "query:ai.classify_text"


class LabelledTexts(msgspec.Struct, frozen=True):
    """Texts with what they are: language, label, text. ``labels`` are as the operation takes them."""

    prompt: str
    labels: list[dict[str, str]]
    texts: list[tuple[str, str, str]]


class Told(msgspec.Struct, frozen=True):
    """What the model said of a text, and what it is."""

    language: str
    expected: str
    said: str
    score: float
    text: str

    @property
    def right(self) -> bool:
        return self.said == self.expected


def labelled(part: str) -> Iterator[tuple[str, LabelledTexts]]:
    """The sets of a folder, by name."""
    for file in sorted((FOLDER / part).glob("*.json")):
        yield file.stem, msgspec.json.decode(file.read_bytes(), type=LabelledTexts)


def told(runtime: Runtime, texts: LabelledTexts, *, prompt: bool = True, model: str | None = None) -> list[Told]:
    """What the model says of each text of a set."""
    found = []
    for language, expected, text in texts.texts:
        request = {"text": text, "labels": texts.labels, "options": {"model": model}}
        answer = runtime.call(OPERATION, request | ({"prompt": texts.prompt} if prompt else {}))
        score = 0.0 if answer.scores is None else answer.scores[answer.label]
        found.append(Told(language, expected, answer.label, score, text))
    return found


def accuracy(found: Sequence[Told]) -> float:
    """The part that is right."""
    return sum(one.right for one in found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="as in options.model: local, or one of PERDURE_AI_ENDPOINT", default="local")
    model = parser.parse_args().model
    misses: list[tuple[str, Told]] = []
    with Runtime.in_memory(settings=RuntimeSettings(ai=ai_settings())) as runtime:
        begun = time.perf_counter()
        runtime.call("query:ai.embed", {"texts": ["first"], "options": {"model": "local"}})
        print(f"first call, with the model's loading: {time.perf_counter() - begun:.2f} s\n")
        print("| texts | set | labels | number | with the prompt | without | mean score | ms a text |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for part in ("chosen", "held_out"):
            every: list[Told] = []
            bare: list[Told] = []
            for name, texts in labelled(part):
                begun = time.perf_counter()
                found = told(runtime, texts, model=model)
                spent = (time.perf_counter() - begun) / len(found) * 1_000
                without = told(runtime, texts, prompt=False, model=model)
                _row(part, name, str(len(texts.labels)), found, without, f"{spent:.1f}")
                misses += [(f"{part}/{name}", one) for one in found if not one.right]
                every += found
                bare += without
            _row(part, "all", "", every, bare, "")
            for language in sorted({one.language for one in every}):
                of_it = [one for one in every if one.language == language]
                _row(part, language, "", of_it, [one for one in bare if one.language == language], "")
    print("\n| misses: set | language | is | said | score | text |\n| --- | --- | --- | --- | --- | --- |")
    for name, one in misses:
        text = " ".join(one.text.split())
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        print(f"| {name} | {one.language} | {one.expected} | {one.said} | {one.score:.2f} | {shown} |")


def _row(part: str, name: str, labels: str, found: list[Told], without: list[Told], spent: str) -> None:
    right, bare = f"{accuracy(found):.3f}", f"{accuracy(without):.3f}"
    score = f"{sum(one.score for one in found) / len(found):.2f}"
    print(f"| {part} | {name} | {labels} | {len(found)} | {right} | {bare} | {score} | {spent} |")


if __name__ == "__main__":
    main()
