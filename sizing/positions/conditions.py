"""Conditions of share rules as text: `confidence >= 70`, `headroom(max_loss) < 40`, `regime == trending`, `bullish`."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
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
PERCENTAGES = ("confidence", "volatility_percentile")
"""Those whose figure is never below 0 or above 100."""
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
        raise ValueError(f'only headroom takes a name in ( ), that of a loss rule: "headroom(max_loss)"; {text!r}')
    key = name if argument is None else f"headroom({argument.strip()})"
    return Condition(text.strip(), key, _OPERATORS[sign or "=="], _value(name, sign, word))


def check_conditions(texts: Iterable[str]) -> None:
    """Raise FieldsError that lists everything that is wrong with conditions, each by its place."""
    raise_if(condition_faults(texts))


def condition_faults(written: Iterable[object], loss_rules: Sequence[str] | None = None) -> list[FieldFault]:
    """What is wrong with conditions, each by its place; what is no text is passed over.

    `loss_rules` are the names that a headroom may have, those of the firm's rules; None: any.
    """
    faults: list[FieldFault] = []
    for place, text in enumerate(written):
        if not isinstance(text, str):
            continue
        try:
            condition = parse_condition(text)
            if loss_rules is not None:
                _check_headroom(condition.key, loss_rules)
        except ValueError as fault:
            faults.append(((place,), str(fault)))
    return faults


def _check_headroom(key: str, loss_rules: Sequence[str]) -> None:
    """Raise ValueError where the figure is a headroom that the firm's rules do not have."""
    name, _, argument = key.partition("(")
    if name != "headroom":
        return
    if not loss_rules:
        raise ValueError("the account's firm has no loss rule, so that headroom is never known; remove the condition")
    rule = argument.removesuffix(")")
    if argument and rule not in loss_rules:
        # Rules have long names: "daily" shall still find "max_daily_loss".
        near = difflib.get_close_matches(rule.lower(), loss_rules, n=1, cutoff=0.4)
        hint = f'did you mean "{near[0]}"? ' if near else ""
        raise ValueError(f"{rule!r} is no loss rule of the account's firm; {hint}it has {', '.join(loss_rules)}")


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
    if name in PERCENTAGES and not _decides(sign, number):
        raise ValueError(f"{name} lies between 0 and 100, so that {sign} {word} never holds, or always")
    return number


def _decides(sign: str, number: float) -> bool:
    """Whether a comparison with a percentage can hold, with a number that it can be."""
    return 0 <= number <= 100 and (sign, number) not in ((">", 100), ("<", 0))


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(sorted(known))}"
