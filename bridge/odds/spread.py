"""The tasks of a plan, here, on all cores or on a Dask cluster: the same answers in the same order from each."""

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from importlib.metadata import version
from typing import Any

from bridge.odds.batches import Plan, Tally, Task, run_task
from bridge.odds.errors import OddsError
from bridge.report.errors import how_to_install

Answers = list[list[Tally]]
Tell = Callable[[float], None]
"""Is told the share that is done."""

_WORTH_PROCESSES_S = 4.0
"""Starting processes takes a second or so each."""
_WORTH_SENDING_S = 0.02
"""A Dask task costs a millisecond or two by itself."""
_CONNECT_S = 10
_RETRIES = 5


def run_all(plan: Plan, tasks: Sequence[Task], tell: Tell, jobs: int | None = None) -> Answers:
    """Every task, on this machine: here, or on `jobs` processes. Without `jobs`, as the first task's time suggests."""
    begun = time.perf_counter()
    answers = [run_task(plan, tasks[0])]
    tell(1 / len(tasks))
    expected = (time.perf_counter() - begun) * (len(tasks) - 1)
    wanted = jobs or ((os.cpu_count() or 1) if expected > _WORTH_PROCESSES_S else 1)
    rest = tasks[1:]
    if wanted == 1:
        return answers + _told((run_task(plan, task) for task in rest), len(tasks), tell)
    context = multiprocessing.get_context("spawn")  # the only way that Windows has
    pool = ProcessPoolExecutor(wanted, mp_context=context, initializer=_leave_interrupts)
    try:
        return answers + _told(pool.map(run_task, [plan] * len(rest), rest), len(tasks), tell)
    except BrokenProcessPool as fault:
        raise OddsError("A process was killed, perhaps for want of memory; try --jobs 1.") from fault
    finally:
        pool.shutdown(cancel_futures=True)


def run_on_cluster(plan: Plan, tasks: Sequence[Task], tell: Tell, scheduler: str) -> Answers:
    """Every task on an existing Dask cluster. A worker that dies costs its work, which others do again."""
    client = _client(scheduler)
    try:
        _demand_workers(client, scheduler)
        begun = time.perf_counter()
        answers = [run_task(plan, tasks[0])]
        size = math.ceil(_WORTH_SENDING_S / max(time.perf_counter() - begun, 1e-6))
        parts = [tasks[at : at + size] for at in range(1, len(tasks), size)]
        # As a task, the plan is sent once, and made anew where the worker that held it has died.
        held = client.submit(_same, plan, pure=False)
        futures = [client.submit(_run_part, held, part, pure=False, retries=_RETRIES) for part in parts]
        for future in futures:
            answers += _answer(future, scheduler)
            tell(len(answers) / len(tasks))
        return answers
    finally:
        client.close()


def _told(answers: Iterable[list[Tally]], count: int, tell: Tell) -> Answers:
    """All but the first answer."""
    found = []
    for number, answer in enumerate(answers, start=2):
        found.append(answer)
        tell(number / count)
    return found


def _leave_interrupts() -> None:
    """Ctrl-C is the parent's: it lets no further task begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _same(plan: Plan) -> Plan:
    return plan


def _run_part(plan: Plan, part: Sequence[Task]) -> tuple[str, Answers]:
    """The answers, and by which lotbridge."""
    return _version(), [run_task(plan, task) for task in part]


@cache
def _version() -> str:
    return version("lotbridge")


def _answer(future: Any, scheduler: str) -> Answers:
    from distributed import KilledWorker  # noqa: PLC0415 - the extra `cluster`

    try:
        theirs, answers = future.result()
    except KilledWorker as fault:
        raise OddsError(f"Worker after worker of {scheduler} has died of the same work; look at their logs.") from fault
    except ImportError as fault:
        raise OddsError(f"A worker of {scheduler} lacks lotbridge or its packages ({fault}); install them.") from fault
    except (CancelledError, OSError) as fault:
        raise OddsError(f"The scheduler at {scheduler} has gone away; start it again.") from fault
    if theirs != _version():
        raise OddsError(f"A worker of {scheduler} has lotbridge {theirs}, this is {_version()}; install the same.")
    found: Answers = answers
    return found


def _demand_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT_S)
    except TimeoutError as fault:
        raise OddsError(f"The scheduler at {scheduler} has no workers; start one: dask worker {scheduler}") from fault


def _client(scheduler: str) -> Any:
    try:
        from distributed import Client  # noqa: PLC0415 - the extra `cluster`
    except ImportError as error:
        raise OddsError(f'--scheduler needs the extra "cluster": {how_to_install("cluster")}') from error
    try:
        return Client(scheduler, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as fault:
        raise OddsError(f"No Dask scheduler answers at {scheduler}: {str(fault) or type(fault).__name__}.") from fault
