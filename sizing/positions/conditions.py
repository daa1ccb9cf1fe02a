"""Conditions of share rules as text: `confidence >= 70`, `headroom(daily) < 40`, `regime == trending`, `bullish`."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sizing.prop.formats import FieldFault, raise_if

Figure = float | bool | str | None
"""What a condition asks for; None where it is not known."""
FLAGS = ("bullish", "bearish", "has_position", "has_no_position", "highrisk", "mediumrisk", "lowrisk")
"""Conditions that hold or do not."""
NUMBERS = (
    "instrument_account_share",
    "confidence",
    "profit_loss_percent",
    "days_opened",
    "volatility_percentile",
    "drawdown",
    "headroom",
)
"""Conditions that compare a figure with a number."""
REGIMES = ("trending", "ranging", "volatile", "normal")
CONDITIONS = (*FLAGS, *NUMBERS, "regime")

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
}  # fmt: skip
_FORM = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*(?:(>=|<=|==|>|<)\s*([^<>=\s]+))?\s*")


class Condition(NamedTuple):
    """One condition, ready to be asked. `key` names the figure, with the loss rule of a headroom in parentheses."""

    text: str
    key: str
    compare: Callable[[Any, Any], bool]
    value: float | bool | str

    def holds(self, figure: Figure) -> bool:
        """Whether it holds for a figure; not for one that is not known."""
        return figure is not None and self.compare(figure, self.value)


def parse_condition(text: str) -> Condition:
    """The condition that a text stands for. Raises ValueError that says what is wrong with it."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(
            f'must be a condition such as "confidence >= 70" or "bullish", with one of > >= < <= ==; it is {text!r}'
        )
    name, argument, sign, word = match.groups()
    if name not in CONDITIONS:
        raise ValueError(f"{name!r} is not a known condition; {_nearest(name, CONDITIONS)}")
    if argument is not None and (name != "headroom" or not argument.strip()):
        raise ValueError(f'only headroom takes a name in ( ), that of a loss rule such as "headroom(daily)"; {text!r}')
    key = name if argument is None else f"headroom({argument.strip()})"
    return Condition(text.strip(), key, _OPERATORS[sign or "=="], _value(name, sign, word))


def check_conditions(texts: Iterable[str]) -> None:
    """Raise FieldsError that lists everything that is wrong with conditions, each by its place."""
    faults: list[FieldFault] = []
    for place, text in enumerate(texts):
        try:
            parse_condition(text)
        except ValueError as fault:
            faults.append(((place,), str(fault)))
    raise_if(faults)


def _value(name: str, sign: str | None, word: str | None) -> float | bool | str:
    if name in FLAGS:
        if sign is not None and (sign != "==" or word not in {"true", "false"}):
            raise ValueError(f"{name} holds or does not: write it alone, or with == true or == false")
        return word != "false"
    if sign is None or word is None:
        raise ValueError(f"{name} must be compared: add one of > >= < <= == and a value")
    if name == "regime":
        if sign != "==" or word not in REGIMES:
            raise ValueError(f"regime must be compared by == with one of {', '.join(REGIMES)}; it is {sign} {word}")
        return word
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be compared with a number; it is {word!r}")
    return number


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(sorted(known))}"
