"""Parameters that know their unit and range, so that code, configuration files and documentation cannot drift apart."""

import dataclasses
from typing import Any


def param(
    default: Any,
    unit: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    le: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its unit and allowed range.

    The range holds for each element when the default is a tuple. `bridge.settings` builds its validation from
    this metadata, and `check_ranges` enforces the same range on values that were built in code.
    """
    metadata = {"unit": unit, "gt": gt, "ge": ge, "le": le, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def check_ranges(instance: Any) -> None:
    """Raise `ValueError` that lists every field of a dataclass instance outside its declared range."""
    faults = [
        f"{field.name} = {value!r}: {fault}"
        for field in dataclasses.fields(instance)
        if "choices" in field.metadata
        for value in _elements(getattr(instance, field.name))
        if (fault := _fault(value, field.metadata))
    ]
    if faults:
        raise ValueError(f"{type(instance).__name__}: " + "; ".join(faults))


def _elements(value: Any) -> tuple[Any, ...]:
    """What the range holds for; nothing where a field that may be left out is."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _fault(value: Any, metadata: Any) -> str | None:
    if metadata["choices"]:
        return None if value in metadata["choices"] else f"must be one of {', '.join(metadata['choices'])}"
    # Written as "not inside" so that NaN, which compares false with everything, is a fault too.
    if (low := metadata["gt"]) is not None and not value > low:
        return f"must be greater than {low:g}"
    if (low := metadata["ge"]) is not None and not value >= low:
        return f"must be at least {low:g}"
    if (high := metadata["le"]) is not None and not value <= high:
        return f"must be at most {high:g}"
    return None
