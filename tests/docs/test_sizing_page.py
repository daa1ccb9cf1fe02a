"""docs/sizing.md names everything the engine can put into an answer, and every key of the policy."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

import sizing
from sizing.caps import REFUSALS
from sizing.engine import size
from sizing.policy import Policy
from sizing.snapshot import Account, FirmState, OpenLimits, Recovery
from tests.builders import NOW_MS, make_account, make_spec
from tests.docs.pages import SIZING, text
from tests.docs.wire import tables_of
from tests.sizing.builders import ftmo_state, make_exposure, make_policy, make_signal, make_snapshot, make_view

_OF_A_RULE = ("share", "headroom", "trail")
PACKAGE = Path(sizing.__file__).parent


@pytest.fixture(scope="module", name="page")
def _page() -> dict[str, dict[str, list[str]]]:
    return tables_of(text(SIZING))


def _emitted() -> tuple[list[str], list[str]]:
    """Factors and caps of an answer in which everything that can limit does, in the order in which they come."""
    account = make_account()
    snapshot = make_snapshot(
        account=account,
        view=make_view(spec=make_spec(volume_limit=20.0)),
        firm=_strict_firm(account),
        exposures=(make_exposure("GBPUSD"),),
    )
    decision = size(make_signal(max_lots=5.0, max_risk_pct=1.0), snapshot, make_policy())
    rules = [rule.name for rule in snapshot.firm.rules]
    caps: dict[str, None] = {}
    for cap in decision.caps:
        rule = next((name for name in rules if cap.name.removeprefix(f"{name}_") in _OF_A_RULE), None)
        caps[cap.name if rule is None else cap.name.replace(rule, "RULE", 1)] = None
    return [factor.name for factor in decision.factors], list(caps)


def _strict_firm(account: Account) -> FirmState:
    """FTMO's rules, one of them following equity, with every limit there is, after a halt."""
    firm = ftmo_state(account)
    daily, total = firm.rules
    return dataclasses.replace(
        firm,
        rules=(daily, total._replace(trails=True)),
        limits=OpenLimits(
            open_risk=1_000.0, floating_loss=1_000.0, max_positions=10, max_positions_per_day=10,
            max_lots_per_order=5.0, max_lots_open=5.0,
        ),
        opened_today=0,
        recovery=Recovery(0.5, 0, NOW_MS + 1, None, "test"),
    )  # fmt: skip


def _written_in_code(constructor: str) -> set[str]:
    """The names that the package's modules give to what they construct."""
    names: set[str] = set()
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == constructor:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    names.add(first.value)
    return names


def test_the_page_lists_the_factors_in_the_order_of_an_answer(page: dict[str, dict[str, list[str]]]) -> None:
    assert list(page["factor"]) == _emitted()[0]


def test_the_page_lists_the_caps_in_the_order_of_an_answer(page: dict[str, dict[str, list[str]]]) -> None:
    assert list(page["cap"]) == _emitted()[1]


def test_no_module_gives_a_factor_or_cap_a_name_that_the_page_lacks(page: dict[str, dict[str, list[str]]]) -> None:
    assert _written_in_code("Factor") <= set(page["factor"])
    assert _written_in_code("Room") <= set(page["cap"])


def test_every_refusal_by_a_cap_is_on_the_page(page: dict[str, dict[str, list[str]]]) -> None:
    shown = {}
    for caps, (code,) in ((caps, cells) for caps, cells in page["binding cap"].items()):
        for cap in caps.replace("`", "").split(", "):
            shown[cap] = code.strip("`")
    assert {cap: shown.get(cap) for cap in REFUSALS} == REFUSALS


@pytest.mark.parametrize("group", [field.name for field in dataclasses.fields(Policy)])
def test_every_policy_key_is_on_the_page(group: str) -> None:
    keys = {f"{group}.{field.name}" for field in dataclasses.fields(getattr(Policy(), group))}
    assert keys <= _keys_on_the_page()


def test_the_page_names_no_policy_key_that_does_not_exist() -> None:
    groups = dataclasses.fields(Policy)
    known = {
        f"{group.name}.{field.name}" for group in groups for field in dataclasses.fields(getattr(Policy(), group.name))
    }
    names = {group.name for group in groups}
    assert {key for key in _keys_on_the_page() if key.split(".")[0] in names} <= known


def _keys_on_the_page() -> set[str]:
    return set(re.findall(r"\b[a-z_]+\.[a-z][a-z0-9_]*\b", text(SIZING)))
