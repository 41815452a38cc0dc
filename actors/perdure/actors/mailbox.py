"""The base of all actors: Pykka's, with a mailbox that can be waited on with a deadline.

Three things differ from `pykka.ThreadingActor` (ADR 0003):

- the mailbox is a `queue.SimpleQueue`: written in C, no lock held in Python, half the cost of `queue.Queue`;
- an actor may ask to be woken at a time (`wakeup`, `on_wakeup`), so that nobody needs a timer thread;
- an exception that is no `Exception` ends this actor only. Pykka answers it with ``ActorRegistry.stop_all()``, which
  would stop the actors of every other runtime in the process.
"""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pykka

from perdure.actors.errors import ActorRestarted, SystemStopped
from perdure.actors.messages import AnyMessage, Message, decode_message, encode_message

logger = logging.getLogger(__name__)

DEFERRED: Final = object()


class MailboxActor(pykka.ThreadingActor):
    """An actor that receives the messages of `perdure.actors.messages`.

    Args:
        name: what the supervisor and the metrics call it.
        died: called on the actor's thread when a message made it fail, with the reason.
    """

    # Pykka's default would keep a program alive whose author forgot to close the runtime; a process that ends without
    # closing is a crash, and a crash is what the log is for.
    use_daemon_thread = True

    def __init__(self, name: str, died: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self.name = name
        self._died = died
        self._reply_to: pykka.Future[Any] | None = None

    @staticmethod
    def _create_actor_inbox() -> Any:
        return queue.SimpleQueue()

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """Handle a message; the result is the reply, unless it is `DEFERRED` (see `defer`)."""
        raise NotImplementedError(message)

    def wakeup(self) -> float | None:
        """Seconds until `on_wakeup` is to be called if no message comes; None to wait for messages only."""
        return None

    def on_wakeup(self) -> None:
        """The time that `wakeup` asked for has come."""

    def defer(self) -> pykka.Future[Any] | None:
        """Take over the reply to the message at hand (None if nobody waits); return `DEFERRED` from `on_message`."""
        reply, self._reply_to = self._reply_to, None
        return reply

    def mailbox_depth(self) -> int:
        """How many messages wait; from any thread."""
        return int(self.actor_inbox.qsize())  # type: ignore[attr-defined]  # ActorInbox is the protocol of fewer methods

    # --- Pykka's loop ------------------------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Decode and handle; Pykka's entry point."""
        return self.on_message(decode_message(message))

    def on_failure(self, exception_type: Any, exception_value: BaseException | None, traceback: Any) -> None:
        """Tell the supervisor, on this actor's last breath."""
        if self._died is not None:
            self._died(f"{exception_type.__name__}: {exception_value}")

    def _actor_loop_running(self) -> None:
        get = self.actor_inbox.get
        while not self.actor_stopped.is_set():
            wait = self.wakeup()
            if wait is not None and wait <= 0:
                # Before the mail: an actor whose mailbox is never empty has to keep its times too.
                self._guarded(self.on_wakeup, None)
                continue
            try:
                envelope = get(timeout=wait)  # type: ignore[call-arg]  # as above
            except queue.Empty:
                self._guarded(self.on_wakeup, None)
                continue
            self._guarded(partial(self._handle_receive, envelope.message), envelope.reply_to)

    def _guarded(self, step: Callable[[], Any], reply: pykka.Future[Any] | None) -> None:
        self._reply_to = reply
        try:
            response = step()
            if response is not DEFERRED and reply is not None:
                reply.set(response)
        except BaseException as error:  # noqa: BLE001  # whatever a message did, it must not reach another runtime
            # Not `reply`: one that was deferred is answered by whoever took it.
            waiting = self._reply_to
            if waiting is not None and isinstance(error, Exception):
                waiting.set_exception()
                return
            self._handle_failure(*sys.exc_info())
            if waiting is not None:
                dead = pykka.ActorDeadError(f"{self.name} died of {type(error).__name__}")
                waiting.set_exception((pykka.ActorDeadError, dead, None))
            try:
                self.on_failure(*sys.exc_info())
            except Exception:
                logger.exception("%s failed while reporting its failure", self.name)


class Address:
    """Where an actor can be reached, across its restarts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ref: pykka.ActorRef[Any] | None = None

    def set(self, ref: pykka.ActorRef[Any] | None) -> None:
        """The actor (re)started as ``ref``; None: it is gone for good."""
        self._ref = ref

    @property
    def ref(self) -> pykka.ActorRef[Any] | None:
        """The actor as it is now."""
        return self._ref

    def tell(self, message: Message) -> bool:
        """Send without waiting; False if the actor is between two lives, and the message lost as its mailbox was.

        Raises:
            SystemStopped: the actor is gone for good.
        """
        ref = self._ref
        if ref is None:
            raise SystemStopped(self.name)
        try:
            ref.tell(encode_message(message))
        except pykka.ActorDeadError:
            if self._ref is None:
                raise SystemStopped(self.name) from None
            return False
        # It may have died between the look and the sending.
        return ref.is_alive()

    def ask(self, message: Message, timeout: float | None = None) -> Any:
        """Send and wait for the reply, at most ``timeout`` seconds.

        Raises:
            TimeoutError: no reply in time; the message may still be handled.
            SystemStopped: the actor is gone for good.
            ActorRestarted: it died before it answered.
        """
        return self.wait(self.send(message), timeout)

    def send(self, message: Message) -> pykka.Future[Any]:
        """Send and return the future of the reply, for `wait`."""
        ref = self._ref
        if ref is None:
            raise SystemStopped(self.name)
        future: pykka.Future[Any] = ref.ask(encode_message(message), block=False)
        return future

    def wait(self, future: pykka.Future[Any], timeout: float | None = None) -> Any:
        """The reply to a message that was `send`; errors as for `ask`."""
        try:
            return future.get(timeout=timeout)
        except pykka.Timeout:
            raise TimeoutError(f"{self.name} gave no answer within {timeout} s") from None
        except pykka.ActorDeadError:
            raise (SystemStopped if self._ref is None else ActorRestarted)(self.name) from None

    def depth(self) -> int:
        """How many messages wait in the mailbox."""
        ref = self._ref
        return int(ref.actor_inbox.qsize()) if ref is not None else 0  # type: ignore[attr-defined]  # as above
