"""`lotbridge rebalance compute`: target weights from daily returns, into a file that `start` reads."""

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from bridge.cli import options
from bridge.cli.folders import find_config
from bridge.cli.report_options import BarsFile
from bridge.cli.screen import GOOD, QUIET, line, lines, note, quoted, screen
from bridge.cli.targets_screen import draw_targets
from bridge.errors import ConfigError, MarketError
from bridge.market.recording import BarSeries
from bridge.rebalance_returns import Returns, read_returns, returns_of
from bridge.rebalance_targets import computed_targets, target_infos
from bridge.report.bars_file import read_bars
from bridge.report.sources import from_daemon
from bridge.settings import load
from sizing.positions.rebalance.targets import Target

_EXISTS = "{} exists already; --force replaces it, or choose another name."


def compute(
    *,
    method: Annotated[
        Literal["mean_cvar", "risk_parity", "hierarchical"],
        typer.Argument(
            metavar="METHOD",
            help="mean_cvar: least loss in the worst days; risk_parity: equal shares of the variance; "
            "hierarchical: hierarchical risk parity.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the targets go: a .toml file.", show_default=False)
    ],
    returns: Annotated[
        Path | None,
        typer.Option(
            "--returns",
            metavar="CSV",
            help="Daily returns: date and a column for each symbol; 0.01 is one percent.",
            show_default=False,
        ),
    ] = None,
    bars: BarsFile = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(
            "--symbol",
            metavar="NAME",
            help="Only this one; given several times. Default: all of the file.",
            show_default=False,
        ),
    ] = None,
    alpha: Annotated[
        list[str] | None,
        typer.Option(
            "--alpha",
            metavar="NAME=SCORE",
            help="Score of a symbol: a higher one gets room first. May be given several times.",
            show_default=False,
        ),
    ] = None,
    total: Annotated[
        float, typer.Option(metavar="SHARE", help="What all weights add up to, in shares of equity.")
    ] = 0.95,
    days: Annotated[
        int | None, typer.Option(metavar="N", min=60, help="Only the newest days. Default: all.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    account: options.Account = None,
    config: options.Config = None,
) -> None:
    """Compute long-only target weights from daily returns and write them to a file. Starts nothing.

    The returns are those of a file, or of daily bars: a file's, else those that the daemon keeps (then name the symbols
    with --symbol). Needs the extra "optimize".
    """
    if out.suffix.lower() != ".toml":
        raise typer.BadParameter("must end with .toml", param_hint="--out")
    if out.exists() and not force:
        raise ConfigError(_EXISTS.format(out))
    if returns is not None and bars is not None:
        raise typer.BadParameter("give one of the two.", param_hint="'--returns' / '--bars'")
    if not (math.isfinite(total) and 0 < total <= 100):
        raise typer.BadParameter("must be above 0, and at most 100.", param_hint="--total")
    found = _chosen(read_returns(returns, days), symbol) if returns is not None else None
    if found is None:
        found = returns_of(_bars(bars, symbol, config, account), days)
        note("Returns are those of the prices in their own currency, without the account's currency.")
    scores = _scores(alpha or [], found.symbols)
    targets = computed_targets(method, found.values, found.symbols, total=total, alphas=scores)
    infos = target_infos(targets)
    _write(out, method, len(found.values), targets)
    console = screen()
    draw_targets(console, infos)
    line(console, f"From {len(found.values)} days. Written: {out}", GOOD, wrap=False)
    line(console, "Nothing is started. Look at the file, then:", QUIET)
    lines(console, f"lotbridge rebalance start {quoted(out)}")


def _chosen(found: Returns, symbols: list[str] | None) -> Returns:
    if not symbols:
        return found
    _demand(symbols, found.symbols)
    wanted = tuple(dict.fromkeys(symbols))
    return Returns(wanted, found.values[:, [found.symbols.index(each) for each in wanted]])


def _bars(path: Path | None, symbols: list[str] | None, config: Path | None, login: int | None) -> dict[str, BarSeries]:
    """The daily bars of the symbols: a file's, or those that the daemon keeps."""
    if path is not None:
        found = read_bars(path, "the one symbol of the file")
        _demand(symbols or [], tuple(found))
        return {each: found[each] for each in symbols or found}
    folder = find_config(config)
    if folder is None:
        raise ConfigError("There is no configuration, so no daemon keeps bars: name a file with --returns or --bars.")
    if not symbols:
        raise typer.BadParameter("Name the symbols whose bars the daemon keeps.", param_hint="--symbol")
    settings = load(folder)
    source = from_daemon(settings, symbols[0], login)
    return {each: source.series(each) for each in symbols}


def _demand(symbols: list[str], there: tuple[str, ...]) -> None:
    missing = [each for each in symbols if each not in there]
    if missing:
        raise MarketError(f"No returns of {', '.join(missing)}; there are {', '.join(there)}.")


def _scores(texts: list[str], symbols: tuple[str, ...]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for text in texts:
        name, separator, score = text.rpartition("=")
        if not separator or name not in symbols:
            raise typer.BadParameter(
                f"{text!r}: write NAME=SCORE, with a symbol that has returns.", param_hint="--alpha"
            )
        try:
            scores[name] = float(score)
        except ValueError:
            scores[name] = math.nan
        if not abs(scores[name]) <= 1e9:
            raise typer.BadParameter(f"{text!r}: the score must be a number such as 1.5.", param_hint="--alpha")
    return scores


def _write(path: Path, method: str, days: int, targets: tuple[Target, ...]) -> None:
    rows = [f"# {method}, from {days} days of returns. Long-only weights, in shares of equity."]
    for each in targets:
        rows += [
            "",
            "[[targets]]",
            f"symbol = {_text(each.symbol)}",
            f"weight = {each.weight:.6f}",
            f"alpha = {each.alpha!r}",
            f"strategy = {_text(each.strategy)}",
        ]
    try:
        path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    except OSError as fault:
        raise ConfigError(f"{path} cannot be written: {fault.strerror or fault}.") from fault


def _text(value: str) -> str:
    """A TOML string: JSON's, but that DEL is escaped, too, and nothing is written as a pair of surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
