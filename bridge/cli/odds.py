"""`lotbridge odds`: how likely a replay's trading passes a firm's challenge."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bridge.cli import options
from bridge.cli.page import draw_page
from bridge.cli.progress import progress
from bridge.cli.screen import note, print_json, screen
from bridge.odds.batches import Deal, Plan, Task
from bridge.odds.odds import Wish, odds_of, without_target
from bridge.odds.page import odds_page
from bridge.odds.source import firm_named
from bridge.odds.spread import Answers, run_all, run_on_cluster
from bridge.replay.run import Run, read_run
from bridge.report.picture import demand_place, save
from sizing.prop.firm import Firm

_NO_LIMIT = "none"
_FEWEST_RESAMPLES = 25
"""Quantiles of fewer draws say nothing."""
Number = TypeVar("Number", int, float)


def odds(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `replay --out` wrote.")],
    firm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="File in firms/, without .toml, or any .toml. Default: the run's.", show_default=False
        ),
    ] = None,
    balance: Annotated[
        float | None,
        typer.Option(metavar="MONEY", min=1.0, help="Initial balance. Default: the run's.", show_default=False),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Profit target, instead of the firm file's.", show_default=False),
    ] = None,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Days of a challenge, with market.")] = 30,
    challenges: Annotated[
        int, typer.Option(metavar="N", min=100, max=10_000_000, help="Challenges to simulate, per policy.")
    ] = 10_000,
    base_risk: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT,..",
            help="Base risks. Default: 0.5, 1, 1.5 and 2 times the replay's.",
            show_default=False,
        ),
    ] = None,
    daily_stop: Annotated[
        str, typer.Option(metavar="PERCENT,..", help="Ends a day that has lost so much; none: nothing does.")
    ] = _NO_LIMIT,
    max_trades: Annotated[
        str, typer.Option(metavar="N,..", help="Positions opened a day at most; none: as replayed.")
    ] = _NO_LIMIT,
    run_risk: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT", help="Base risk the replay had. Default: as its journal says.", show_default=False
        ),
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Draw whole days of the account's path instead of trades.")
    ] = False,
    block: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, help="Days kept together. Default: from the data.", show_default=False),
    ] = None,
    fee: Annotated[
        float | None,
        typer.Option(metavar="MONEY", min=0.0, help="What a challenge costs; tells its value.", show_default=False),
    ] = None,
    payout_share: Annotated[
        float, typer.Option(metavar="PERCENT", min=0.0, max=100.0, help="Yours of a funded account's profit.")
    ] = 80.0,
    refund: Annotated[float, typer.Option(metavar="MONEY", min=0.0, help="Paid back after passing.")] = 0.0,
    funded: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Rules of the funded account. Default: the same, no target.", show_default=False
        ),
    ] = None,
    funded_days: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Days until the payout.")] = 30,
    resamples: Annotated[
        int, typer.Option(metavar="N", min=0, max=100_000, help="Draws of the source, for its interval; 0: none.")
    ] = 200,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed gives the same figures.")] = 7,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="DIR", help="Folder whose firms/ hold NAME. Default: as shipped.", show_default=False
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processes. Default: as many as pay.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, tcp://.., that does the work.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Draw it too: .png, .svg or .html.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Tell how likely a replay's trading passes a firm's challenge, by base risk.

    Days of the replay are drawn in blocks into thousands of challenges under the firm's rules. The odds assume that the
    future resembles the replayed trades. Processes or a cluster change nothing but the time it takes.
    """
    if out is not None:
        demand_place(out)
    replayed = read_run(run)
    initial = replayed.info.account.initial_balance if balance is None else balance
    rules = _firm(replayed, firm, initial, target, config)
    after = without_target(rules) if funded is None else without_target(firm_named(funded, initial, config))
    most = _listed(max_trades, "--max-trades", int, none=True)
    if paths and most != (None,):
        raise typer.BadParameter("A path cannot be had without some of its trades.", param_hint="--max-trades")
    if 0 < resamples < _FEWEST_RESAMPLES:
        raise typer.BadParameter(f"It must be 0 or at least {_FEWEST_RESAMPLES}.", param_hint="--resamples")
    wish = Wish(
        rules,
        initial,
        days,
        challenges,
        seed,
        resamples,
        base_risks=() if base_risk is None else _numbers(base_risk, "--base-risk"),
        daily_stops=_listed(daily_stop, "--daily-stop", float, none=True),
        max_trades=most,
        run_risk=run_risk,
        block=block,
        paths=paths,
        deal=None if fee is None else Deal(fee, refund, payout_share / 100, after, funded_days),
    )
    report = odds_of(replayed, wish, _runner(jobs, scheduler))
    page = odds_page(report)
    if out is not None:
        from bridge.odds.plot import draw_odds  # noqa: PLC0415 - needs the extra `plot`

        save(out, draw_odds(report), page)
        note(f"Drawn: {out}")
    if as_json:
        print_json(report)
    else:
        draw_page(screen(), page)


def _firm(run: Run, name: str | None, initial: float, target: float | None, config: Path | None) -> Firm:
    found = firm_named(name or run.info.config.firm, initial, config)
    if target is None:
        return found
    if not (math.isfinite(target) and 0 < target <= 1000):
        raise typer.BadParameter("It must be above 0 and at most 1000.", param_hint="--target")
    return dataclasses.replace(found, target_pct=target)


def _runner(jobs: int | None, scheduler: str | None) -> Callable[[Plan, list[Task]], Answers]:
    tell = progress()
    if scheduler is None:
        return lambda plan, tasks: run_all(plan, tasks, tell, jobs)
    return lambda plan, tasks: run_on_cluster(plan, tasks, tell, scheduler)


def _numbers(text: str, option: str) -> tuple[float, ...]:
    return tuple(each for each in _listed(text, option, float, none=False) if each is not None)


def _listed(text: str, option: str, kind: type[Number], *, none: bool) -> tuple[Number | None, ...]:
    """Positive numbers between commas, each once; "none" where that is allowed."""
    found: list[Number | None] = []
    for part in text.split(","):
        word = part.strip()
        try:
            value = None if none and word == _NO_LIMIT else kind(word)
        except ValueError:
            value = kind(0)
        if value is not None and not (math.isfinite(value) and value > 0):
            allowed = "numbers above 0" + (f' or "{_NO_LIMIT}"' if none else "")
            raise typer.BadParameter(f"It must be {allowed}, with commas between; {word!r} is not.", param_hint=option)
        if value not in found:
            found.append(value)
    return tuple(found)
