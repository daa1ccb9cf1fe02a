"""What the signal itself promises (DESIGN, step 1)."""

from sizing.decision import Factor
from sizing.gates import Refusal
from sizing.trade import Trade


def expect(trade: Trade) -> Refusal | None:
    """Fill in win probability and expected return (in R); refuse a signal that promises too little."""
    policy, confidence = trade.policy.edge, trade.signal.confidence
    if confidence is None:
        confidence = policy.default_confidence
    probability = 0.5 + (confidence / 100 - 0.5) * policy.confidence_shrink
    trade.win_probability = probability
    trade.expected_return = expected = probability * trade.reward_risk - (1 - probability)
    if expected <= 0:
        return (
            "negative_expectancy",
            f"{probability:.1%} to win {trade.reward_risk:.2f} R loses {-expected:.2f} R on average.",
        )
    if expected < policy.min_expected_return:
        return "insufficient_edge", (
            f"{probability:.1%} to win {trade.reward_risk:.2f} R earns {expected:.2f} R on average, "
            f"less than {policy.min_expected_return:g}."
        )
    return None


def edge(trade: Trade) -> Factor:
    """`min(1, expected return)`."""
    signal, expected = trade.signal, trade.expected_return
    reward = "" if signal.take_profit is not None else " (assumed)"
    given = "" if signal.confidence is not None else " (confidence assumed)"
    chance = trade.win_probability * 100
    detail = f"{expected:.2f} R: {chance:.1f} %{given} to win {trade.reward_risk:.2f} R{reward}"
    return Factor("edge", expected if expected < 1.0 else 1.0, detail)
