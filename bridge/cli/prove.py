"""`lotbridge prove`: simulated accounts, sized by the real engine, against every floor of a firm."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.output import FAILURE_EXIT
from bridge.cli.page import draw_page
from bridge.cli.progress import progress
from bridge.cli.screen import note, print_json, screen
from bridge.proof.page import proof_page
from bridge.proof.prove import Wish
from bridge.proof.prove import prove as simulate
from bridge.proof.report import report_of
from bridge.proof.source import firm_of, ground_of


def prove(
    *,
    days: Annotated[int, typer.Option(metavar="N", min=100, help="Account-days per sizer.")] = 100_000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed gives the same figures.")] = 7,
    firm: Annotated[str, typer.Option(metavar="NAME", help="File in firms/, without .toml.")] = "ftmo-2step",
    balance: Annotated[
        float, typer.Option(metavar="MONEY", min=1.0, help="Initial balance of every account, in dollars.")
    ] = 100_000.0,
    bars: Annotated[
        Path | None,
        typer.Option(
            "--bars",
            metavar="FILE",
            help="Real bars, .csv or .parquet, daily or finer, instead of the sample market's. Columns as for `risk`.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="DIR", help="Folder whose firms/ hold NAME. Default: as shipped.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Prove by simulation that sizing breaches none of a firm's loss rules; takes some minutes.

    Accounts somewhere in their lives are sized by the engine, on paths drawn from bars, and their equity is compared
    with every floor, now and after each reset. Two sizers without guards meet the same paths. Ends with 1 if lotbridge
    breached a rule although all gaps stayed within the allowance that it had counted.
    """
    rules = firm_of(firm, balance, config)
    ground = ground_of(bars, note)
    wish = Wish(rules, balance, days, seed)
    report = report_of(
        wish,
        simulate(wish, ground.past, ground.policy, progress()),
        ground.source,
        synthetic=ground.synthetic,
    )
    if as_json:
        print_json(report)
    else:
        draw_page(screen(), proof_page(report))
    if not report.proved:
        raise typer.Exit(FAILURE_EXIT)
