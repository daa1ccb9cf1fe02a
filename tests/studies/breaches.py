"""The Monte-Carlo proof on real bars, where they lie beside the project: daily ones, and hourly ones with their gaps.

`python -m tests.studies.breaches [DAYS] [FIRM]` prints the pages of `lotbridge prove` for each file.
"""

import sys
from pathlib import Path

from bridge.cli.page import draw_page
from bridge.cli.screen import note, screen
from bridge.proof.page import proof_page
from bridge.proof.prove import Wish, prove
from bridge.proof.report import Report, report_of
from bridge.proof.source import firm_of, ground_of
from tests.studies.real_bars import ABSENT, DATA, EJTRADER, OANDA

HOURLY = DATA / "bars_oanda_H1_bidask_2012-2019.parquet"
FILES = (EJTRADER, OANDA, HOURLY)
BALANCE = 100_000.0


def study(path: Path, days: int, firm: str = "ftmo-2step", seed: int = 7) -> Report:
    """The whole proof on one file."""
    ground = ground_of(path, note)
    wish = Wish(firm_of(firm, BALANCE), BALANCE, days, seed)
    return report_of(wish, prove(wish, ground.past, ground.policy), ground.source, synthetic=False)


def main(arguments: list[str]) -> None:
    """Print a page for each file."""
    if not DATA.is_dir():
        print(ABSENT)
        return
    days = int(arguments[0]) if arguments else 20_000
    for path in FILES:
        draw_page(screen(), proof_page(study(path, days, *arguments[1:2])))
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
