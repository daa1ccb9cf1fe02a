"""PROTOCOL.md and the message types say the same."""

import json
from typing import get_args

import pytest

from bridge.protocol.codes import CODES, ERROR_CODES
from sizing.ledger import State
from tests.docs import frames
from tests.docs.pages import PROTOCOL, text
from tests.docs.wire import Field, tables, tables_of

EXPECTED = tables()
SETTINGS_DEPENDENT = {"version", "policy_hash"}
"""Values of a frame that change with the package's version or its default configuration; they are examples."""


@pytest.fixture(scope="module", name="page")
def _page() -> dict[str, dict[str, list[str]]]:
    return tables_of(text(PROTOCOL))


@pytest.fixture(scope="module", name="made")
def _made() -> dict[str, dict[str, object]]:
    return frames.made()


def test_every_code_is_in_the_table_with_its_kind_and_remedy(page: dict[str, dict[str, list[str]]]) -> None:
    rows = page["code"]
    assert list(rows) == list(CODES)
    for code, (kind, meaning, remedy) in rows.items():
        assert kind == ("error" if code in ERROR_CODES else "reject"), code
        assert meaning, code
        assert remedy == CODES[code], code


@pytest.mark.parametrize("title", EXPECTED)
def test_a_table_names_exactly_the_fields_of_its_message(page: dict[str, dict[str, list[str]]], title: str) -> None:
    assert set(page[title]) == set(EXPECTED[title])


@pytest.mark.parametrize("title", EXPECTED)
def test_a_table_states_type_range_and_default_of_each_field(page: dict[str, dict[str, list[str]]], title: str) -> None:
    shown = {
        name: Field(cells[0], cells[1].strip("`") if len(cells) == 3 else "") for name, cells in page[title].items()
    }
    assert shown == EXPECTED[title]


def test_the_page_has_no_field_table_for_a_message_that_does_not_exist(
    page: dict[str, dict[str, list[str]]],
) -> None:
    kinds = ("request", "reply", "record")
    titles = {title for title in page if title.endswith(kinds)}
    assert titles == set(EXPECTED)


def test_every_state_of_a_reservation_is_explained(page: dict[str, dict[str, list[str]]]) -> None:
    assert set(page["state"]) == set(get_args(State))


def test_every_frame_of_the_page_is_what_the_service_says(made: dict[str, dict[str, object]]) -> None:
    """`python -m tests.docs.write` writes them anew."""
    shown = frames.shown(text(PROTOCOL))
    assert set(shown) == set(made)
    for name, body in shown.items():
        frame = json.loads(body)
        changed = {key for key in frame.keys() | made[name].keys() if frame.get(key) != made[name].get(key)}
        assert changed <= SETTINGS_DEPENDENT, name
