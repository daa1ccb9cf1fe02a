"""Preloaded into a Dask worker: each piece of work says who begins it, and waits until that worker may go on."""

from distributed import Event, Queue, get_worker

from bridge.odds import spread
from bridge.odds.batches import Plan, Tally, Task

BEGUN = "begun"
own_run_task = spread.run_task


def go(name: str) -> str:
    """The event that lets a worker go on."""
    return f"go {name}"


def held_run_task(plan: Plan, task: Task) -> list[Tally]:
    """The task, when it may."""
    name = str(get_worker().name)
    may_go = Event(go(name))
    if not may_go.is_set():
        Queue(BEGUN).put(name)
        may_go.wait()
    return own_run_task(plan, task)


def dask_setup(_: object) -> None:
    """What Dask calls in the worker that it preloads this into."""
    spread.run_task = held_run_task
