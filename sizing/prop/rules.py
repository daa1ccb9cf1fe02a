"""A loss rule as data: what may be lost, counted from where, and what happens then.

Firms change their rules, so every rule carries the page it was read on and the date.
"""

from dataclasses import MISSING, dataclass, field
from typing import Literal

from sizing.params import check_ranges, param
from sizing.prop.formats import FieldFault, FieldsError, iso_date, problems, raise_if, sizes

_SAMPLES: dict[str, tuple[str, ...]] = {
    "inception": ("initial",),
    "reset": ("balance", "equity", "higher"),
    "close": ("balance",),
    "tick": ("equity", "higher"),
}
"""Which anchors can be taken when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRule:
    """One floor: the anchor less an amount, and what is compared with it.

    The amount is `amount_pct` of `of`, or the entry of `amount_by_size` for the account's initial balance. The floor of
    a rule with a lock never rises above `lock_pct` of the initial balance plus `lock_plus_money`.
    """

    name: str = param(MISSING, "short name of the rule, shown in answers")
    scope: Literal["daily", "total"] = param(
        MISSING, "daily: one trading day; total: the account's whole life", choices=("daily", "total")
    )
    amount_pct: float | None = param(None, "percent that may be lost", gt=0, le=100)
    amount_by_size: dict[str, float] = field(
        default_factory=dict, metadata={"unit": "money that may be lost, by initial balance, instead of amount_pct"}
    )
    of: Literal["initial", "anchor"] = param(
        "initial", "what the percentage is taken of: the initial balance or the anchor", choices=("initial", "anchor")
    )
    anchor: Literal["initial", "balance", "equity", "higher"] = param(
        MISSING,
        "what the loss is counted from; higher: the higher of balance and equity",
        choices=("initial", "balance", "equity", "higher"),
    )
    sampled: Literal["inception", "reset", "close", "tick"] = param(
        MISSING,
        "when the anchor is taken: at the start, at each reset, whenever a trade closes, at any moment",
        choices=("inception", "reset", "close", "tick"),
    )
    ratchet: bool = param(False, "true: the anchor is the highest ever taken and never falls")
    lock_pct: float | None = param(None, "percent of the initial balance where the floor stops rising", gt=0, le=1000)
    lock_plus_money: float = param(0.0, "account currency added to the lock", ge=0)
    strict: bool = param(True, "true: breached below the floor only; false: touching it breaches")
    measured_on: Literal["equity", "balance"] = param(
        "equity",
        "equity: floating losses count; balance: the lower of balance and equity",
        choices=("equity", "balance"),
    )
    breach: Literal["ends", "pauses"] = param(
        "ends", "ends: the account; pauses: trading until the next reset", choices=("ends", "pauses")
    )
    after_payout: Literal["keep", "locks"] = param(
        "keep", "what a withdrawal does to the floor: nothing, or it jumps to its lock", choices=("keep", "locks")
    )
    source: str = param(MISSING, "page or document the rule was read in")
    as_of: str = param(MISSING, "date it was read, YYYY-MM-DD")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = problems(self, {"as_of": iso_date, "amount_by_size": sizes})
        raise_if([*faults, *_amount_faults(self), *_anchor_faults(self), *_lock_faults(self)])

    @property
    def kind(self) -> str:
        """Whatever decides how its anchor is kept; an anchor kept for another kind says nothing of this one."""
        return f"{self.scope} {self.anchor} {self.sampled}{' ratchet' if self.ratchet else ''}"

    def amount(self, initial_balance: float, anchor: float) -> float:
        """Money that may be lost from this anchor. Raises KeyError for a size the rule has no amount for."""
        if self.amount_pct is None:
            return sizes(self.amount_by_size)[initial_balance]
        return self.amount_pct / 100 * (initial_balance if self.of == "initial" else anchor)

    def lock(self, initial_balance: float) -> float | None:
        """Where the floor stops rising, in account currency; None where it never does."""
        return None if self.lock_pct is None else initial_balance * self.lock_pct / 100 + self.lock_plus_money


def _amount_faults(rule: LossRule) -> list[FieldFault]:
    if rule.amount_pct is None and not rule.amount_by_size:
        return [("amount_pct", "is missing; add it, or amount_by_size")]
    if rule.amount_pct is not None and rule.amount_by_size:
        return [("amount_by_size", "contradicts amount_pct; keep one of them")]
    if rule.amount_pct is None and rule.of == "anchor":
        return [("of", 'must be "initial" where amount_by_size says the money')]
    return []


def _anchor_faults(rule: LossRule) -> list[FieldFault]:
    faults: list[FieldFault] = []
    if rule.anchor not in _SAMPLES[rule.sampled]:
        allowed = " or ".join(f'"{each}"' for each in _SAMPLES[rule.sampled])
        faults.append(("anchor", f'must be {allowed} where sampled is "{rule.sampled}"; it is "{rule.anchor}"'))
    if rule.sampled == "inception" and rule.scope == "daily":
        faults.append(("sampled", 'must be "reset", "close" or "tick" for a daily rule; it is "inception"'))
    if (why := _ratchet_needed(rule)) is not None and rule.ratchet is not why[0]:
        faults.append(("ratchet", f"must be {str(why[0]).lower()} {why[1]}"))
    if rule.breach == "pauses" and rule.scope == "total":
        faults.append(("breach", 'must be "ends" for a total rule: it never resets, so a pause would never end'))
    return faults


def _ratchet_needed(rule: LossRule) -> tuple[bool, str] | None:
    """What `ratchet` must be, and why."""
    if rule.sampled == "inception":
        return False, 'where sampled is "inception": the initial balance never changes'
    if rule.sampled == "reset" and rule.scope == "daily":
        return False, "for a daily rule sampled at the reset: each day has one anchor"
    if rule.sampled == "reset":
        return True, 'for a total rule sampled at the reset; a floor that falls again is a rule of scope "daily"'
    return True, f'where sampled is "{rule.sampled}": a floor that falls with the account limits nothing'


def _examples(rule: LossRule) -> list[tuple[float, float]]:
    """Initial balances, and what may be lost of each."""
    if rule.amount_pct is not None:
        return [(100.0, rule.amount_pct)]
    try:
        return list(sizes(rule.amount_by_size).items())
    except FieldsError:
        return []  # told already


def _lock_faults(rule: LossRule) -> list[FieldFault]:
    faults: list[FieldFault] = []
    if rule.lock_pct is not None and not rule.ratchet:
        faults.append(("lock_pct", "is for rules with ratchet = true; remove it"))
    if any(lock < size - amount for size, amount in _examples(rule) if (lock := rule.lock(size)) is not None):
        faults.append(("lock_pct", "lies below the floor that the rule begins with, so that it would lower it"))
    if rule.lock_pct is None and rule.lock_plus_money:
        faults.append(("lock_plus_money", "is added to lock_pct, which is missing; add that, or remove this"))
    if rule.lock_pct is None and rule.after_payout == "locks":
        faults.append(("after_payout", 'must be "keep" where there is no lock_pct'))
    return faults
