"""Figures with two digits whose zero has no sign."""


def cents(amount: float) -> float:
    """Rounded to two digits; what is too small for them is 0, not -0."""
    return round(amount, 2) + 0.0


def signed(amount: float) -> str:
    """With its sign; 0.00 has none."""
    amount = cents(amount)
    return f"{amount:+,.2f}" if amount else "0.00"
