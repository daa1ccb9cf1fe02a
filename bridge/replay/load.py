"""What stands behind `--signals`: a file, an example's name, or the user's own code."""

from pathlib import Path

from bridge.errors import ReplayError
from bridge.replay.examples import EXAMPLES, make_example
from bridge.replay.signal_table import SUFFIXES
from bridge.replay.signals import read_signals
from bridge.replay.strategy import Strategy
from bridge.replay.user_code import load_user_code


def load_strategy(text: str) -> Strategy:
    """`FILE.csv`, `FILE.parquet`, `ma-cross:fast=10`, `module:function` or `file.py:function`. Raises ReplayError."""
    if Path(text).suffix.lower() in SUFFIXES:
        return read_signals(Path(text))
    if text.partition(":")[0] in EXAMPLES:
        return make_example(text)
    if ":" in text:
        return load_user_code(text)
    raise ReplayError(
        f"{text} is no strategy: give a file of signals (.csv, .parquet), {' or '.join(EXAMPLES)}, "
        "or your own as module:function or file.py:function"
    )
