"""Jobs that make passwords, rotate them, and say who else may read one. The host makes them: none is seen here."""

from dataclasses import dataclass, field

from perdure_sdk import JobContext, pages
from perdure_sdk.clients import Characters, Words
from vault import ext


@dataclass
class Generate:
    """A new login's name, and how long its password is to be, or of how many words; the rest is the result."""

    name: str
    length: int = 20
    words: int = 0
    made: bool = False
    entropy_bits: float | None = None


@ext.job
def generate(ctx: JobContext, state: Generate) -> None:
    """Have the host make a password and store it; one that is there stays."""
    recipe = Words(count=state.words) if state.words else Characters(length=state.length)
    answer = ctx.credentials.generate(state.name, recipe=recipe)
    state.made, state.entropy_bits = answer.generated, answer.entropy_bits
    ctx.report_progress(1.0, f"made, {state.entropy_bits:.0f} bits" if state.entropy_bits else "there is one; it stays")


@dataclass
class Rotate:
    """Those stored before so many days, or of them those that ``only`` names; the rest is how far it has come."""

    older_than_days: int = 90
    only: list[str] = field(default_factory=list)
    before: int = 0  # seconds since 1970
    rotated: list[str] = field(default_factory=list)


@ext.job
def rotate(ctx: JobContext, state: Rotate) -> None:
    """Make new passwords for old ones. Who accepts them has to be told; the host keeps the last five."""
    if not state.before:
        state.before = int(ctx.now().timestamp()) - state.older_than_days * 86_400
    for page in pages(ctx.credentials.list):
        ctx.check_interrupt()
        for one in page.credentials:
            # What this job has rotated is young, so it is not rotated again, wherever the run before ended.
            if one.stored_at < state.before and one.name in (state.only or [one.name]) and one.type != "oauth2":
                ctx.credentials.rotate(one.name)
                state.rotated.append(one.name)
                ctx.increment_items(1)
        ctx.checkpoint(state)
    ctx.report_progress(1.0, f"{len(state.rotated)} rotated")


@dataclass
class Share:
    """A credential, and the extension that may read it, for so many days; 0 is without an end."""

    name: str
    extension: str
    days: int = 0


@ext.job
def share(ctx: JobContext, state: Share) -> None:
    """Let another extension read one credential, until its time has come or a person takes it back."""
    until = int(ctx.now().timestamp()) + state.days * 86_400 if state.days else None
    ctx.credentials.share(state.name, state.extension, until=until)
