"""The engine's end of the link: reads requests, has them worked on by threads, and answers."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from perdure.server.link.messages import LENGTH, LISTENING, MAX_FRAME, LinkAnswer, LinkRequest, decode_request, frame_of

logger = logging.getLogger(__name__)

THREADS: Final = 32  # requests that are worked on at once; operations may take their time
WAITING: Final = 512  # those beyond are refused

Work = Callable[[LinkRequest], LinkAnswer]


class EngineEnd:
    """Serves one web process, from construction until it goes away or `close`.

    Args:
        connection: one of a pair of sockets.
        work: answers a request; must not raise.
        busy: answers a request that is one too many.
    """

    def __init__(self, connection: socket.socket, work: Work, busy: Work) -> None:
        self._connection = connection
        self._work = work
        self._busy = busy
        self.listening = threading.Event()  # set once the web process lets clients in
        self._sending = threading.Lock()
        self._room = threading.Semaphore(THREADS + WAITING)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="perdure-link")
        self._reader = threading.Thread(target=self._read, name="perdure-link", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self._connection.makefile("rb")
        with stream, contextlib.suppress(OSError):
            while len(head := stream.read(LENGTH.size)) == LENGTH.size:
                (length,) = LENGTH.unpack(head)
                if length > MAX_FRAME or len(body := stream.read(length)) < length:
                    break
                request = decode_request(body)
                if request.number == LISTENING:
                    self.listening.set()
                elif self._room.acquire(blocking=False):
                    self._pool.submit(self._answer, request)
                else:
                    self._send(self._busy(request))

    def _answer(self, request: LinkRequest) -> None:
        try:
            self._send(self._work(request))
        except Exception:
            logger.exception("a request of the web process could not be answered")
        finally:
            self._room.release()

    def _send(self, answer: LinkAnswer) -> None:
        frame = frame_of(answer)
        with self._sending, contextlib.suppress(OSError):  # it went away; nobody is left to tell
            self._connection.sendall(frame)

    def close(self) -> None:
        """End the link; what is being worked on is finished, and answered to nobody. Idempotent."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._connection.close()
