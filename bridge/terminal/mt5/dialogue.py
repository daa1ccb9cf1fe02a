"""One question after another to a terminal, for commands, which may wait; the daemon never does."""

import time
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from bridge.errors import LotbridgeError
from bridge.terminal.mt5.asks import Ask
from bridge.terminal.mt5.process import ChildProcess
from bridge.terminal.mt5.wire import SILENCE_S, Answer, Attached, Beat, Config, Fault, decode_from_child

T = TypeVar("T")
_START_S = 60.0
_LOOK_S = 0.2


class DialogueError(LotbridgeError):
    """The terminal did not answer, or answered that it cannot; `remedy` says what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy


class Dialogue:
    """A child in serving mode. As a context manager it ends the child; every wait has its deadline."""

    def __init__(self, config: Config) -> None:
        self._child = ChildProcess(msgspec.structs.replace(config, mode="serve"))
        self._allowed_s = time.monotonic() + _START_S
        self._call = "start"

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, fault: BaseException | None, _at: TracebackType | None
    ) -> None:
        if fault is not None:  # an interrupt does not wait for a call that may take a minute
            self._child.kill()
        self._child.close()

    def attach(self) -> Attached:
        """What was reached. Raises DialogueError."""
        message = self._await()
        if not isinstance(message, Attached):
            raise DialogueError("the terminal answered what nobody asked", "Please report it")
        return message

    def ask(self, question: Ask, answer: type[T]) -> T:
        """The answer to one question. Raises DialogueError."""
        self._allowed_s = time.monotonic() + SILENCE_S
        self._child.send(msgspec.msgpack.encode(question))
        message = self._await()
        if not isinstance(message, Answer):
            raise DialogueError("the terminal answered what nobody asked", "Please report it")
        if message.failed is not None:
            raise DialogueError(message.failed, message.remedy)
        return msgspec.msgpack.decode(message.body, type=answer)

    def _await(self) -> Any:
        """The next message that is no sign of life."""
        while True:
            ended = self._child.ended
            frame = self._child.take(_LOOK_S)
            if frame is None:
                self._demand_life(ended)
                continue
            message = decode_from_child(frame[1])
            self._allowed_s = frame[0] + (message.silence_s if isinstance(message, Beat) else SILENCE_S)
            if isinstance(message, Fault):
                raise DialogueError(message.problem, message.remedy)
            if not isinstance(message, Beat):
                return message
            self._call = message.call or self._call

    def _demand_life(self, ended: str | None) -> None:
        if ended is not None:
            raise DialogueError(ended, "Start the terminal again, and try once more")
        if time.monotonic() > self._allowed_s:
            self._child.kill()
            problem = f"the terminal did not answer in time ({self._call})"
            raise DialogueError(problem, "It may show a dialog, or hang: look at it, and restart it")
