"""The same figures from one process, from several, and from a cluster that loses a worker on the way."""

import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, Event, Queue

from bridge.odds.batches import BATCH, GROUP, Plan, run_task, tasks_of
from bridge.odds.days import scaled
from bridge.odds.errors import OddsError
from bridge.odds.spread import Answers, run_all, run_on_cluster
from bridge.proof.source import firm_of
from tests.cli.processes import finish, start
from tests.odds import hold
from tests.odds.builders import INITIAL, random_days, write_run
from tests.odds.cluster import cluster


def plan_of(challenges: int, *, seed: int = 11) -> Plan:
    days = random_days(np.random.default_rng(1), 60, 0.3)
    return Plan(firm_of("ftmo-2step", INITIAL), INITIAL, (days, scaled(days, 2.0)), 30, 2, seed, challenges, groups=50)


def flat(answers: Answers) -> list[list[float]]:
    return [column.ravel().tolist() for answer in answers for tally in answer for column in tally]


def untold(_: float) -> None:
    """Nobody wants to know how far it is."""


def test_the_work_is_cut_the_same_way_whoever_does_it() -> None:
    tasks = tasks_of(plan_of(6_000))
    assert [task.rows for task in tasks if task.kind == "odds"] == [BATCH, BATCH, 1_000]
    assert sum(task.rows for task in tasks if task.kind == "source") == 50 * GROUP


def test_a_seed_gives_its_own_figures_again_and_another_seed_others() -> None:
    task = tasks_of(plan_of(1_000))[0]
    first, again, other = (flat([run_task(plan_of(1_000, seed=seed), task)]) for seed in (1, 1, 2))
    assert first == again != other


def test_processes_change_nothing() -> None:
    plan = plan_of(10_000)
    tasks = tasks_of(plan)
    shares: list[float] = []
    alone = run_all(plan, tasks, shares.append, jobs=1)
    assert flat(run_all(plan, tasks, untold, jobs=2)) == flat(alone)
    assert shares == [number / len(tasks) for number in range(1, len(tasks) + 1)]


def test_a_worker_killed_in_the_middle_of_its_work_changes_nothing(tmp_path: Path) -> None:
    plan = plan_of(30_000)
    tasks = tasks_of(plan)
    preload = Path(hold.__file__)
    with (
        cluster(tmp_path, "one", "two", preload=preload) as (address, processes),
        Client(address, set_as_default=False) as witness,
        ThreadPoolExecutor(1) as aside,
    ):
        witness.wait_for_workers(2, timeout=60)
        answers = aside.submit(run_on_cluster, plan, tasks, untold, address)
        name = Queue(hold.BEGUN, client=witness).get(timeout=60)
        processes[name].kill()
        processes[name].wait()
        (other,) = {"one", "two"} - {name}
        Event(hold.go(other), client=witness).set()
        found = answers.result(timeout=120)
        left = [about["name"] for about in witness.scheduler_info()["workers"].values()]
    assert left == [other]
    assert flat(found) == flat(run_all(plan, tasks, untold, jobs=1))


def test_the_command_says_the_same_from_a_cluster(tmp_path: Path) -> None:
    run = str(write_run(tmp_path / "run"))
    wanted = ("odds", run, "--run-risk", "0.5", "--challenges", "3000", "--json")
    with cluster(tmp_path, "one") as (address, _):
        code, out, err = finish(start(*wanted, "--scheduler", address, log=subprocess.PIPE))
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(finish(start(*wanted))[1])


def test_a_scheduler_that_goes_away_is_said_and_awaited_for_ever_by_nobody(tmp_path: Path) -> None:
    plan = plan_of(100_000)
    with cluster(tmp_path, "one") as (address, processes):

        def kill_it(_: float) -> None:
            processes["scheduler"].kill()
            processes["scheduler"].wait()

        with pytest.raises(OddsError, match="has gone away"):
            run_on_cluster(plan, tasks_of(plan), kill_it, address)


def test_a_worker_of_another_lotbridge_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.odds.spread._version", lambda: "0.0.1")
    with cluster(tmp_path, "one") as (address, _), pytest.raises(OddsError, match=r"this is 0\.0\.1; install the same"):
        run_on_cluster(plan_of(6_000), tasks_of(plan_of(6_000)), untold, address)


def test_a_process_that_is_killed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(ProcessPoolExecutor, "map", broken)
    with pytest.raises(OddsError, match="A process was killed"):
        run_all(plan_of(6_000), tasks_of(plan_of(6_000)), untold, jobs=2)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OddsError, match=r'extra "cluster": pip install "lotbridge\[cluster\]"'):
        run_on_cluster(plan_of(1_000), tasks_of(plan_of(1_000)), untold, "tcp://127.0.0.1:9")


def test_a_scheduler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.odds.spread._CONNECT_S", 1)
    with pytest.raises(OddsError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run_on_cluster(plan_of(1_000), tasks_of(plan_of(1_000)), untold, "tcp://127.0.0.1:9")


def test_a_scheduler_without_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.odds.spread._CONNECT_S", 1)
    with cluster(tmp_path) as (address, _), pytest.raises(OddsError, match="has no workers; start one: dask worker"):
        run_on_cluster(plan_of(1_000), tasks_of(plan_of(1_000)), untold, address)
