"""From an account's settings to what its child is told."""

import os
from collections.abc import Mapping
from typing import Literal

from bridge.settings.model import Mt5Settings
from bridge.terminal.mt5.wire import Config
from sizing.policy import Policy

DAILY = "D1"
PASSWORD = "LOTBRIDGE_MT5_PASSWORD_{login}"  # noqa: S105 - the variable's name


def mt5_config(
    login: int,
    settings: Mt5Settings,
    policy: Policy,
    *,
    mode: Literal["watch", "serve"] = "watch",
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """The child's configuration. The password comes from the environment, where there is one."""
    return Config(
        login=login,
        path=str(settings.path),
        server=settings.server,
        password=environment.get(PASSWORD.format(login=login)) or None,
        portable=settings.portable,
        symbols=settings.symbols,
        timeframes=tuple(dict.fromkeys((DAILY, policy.stop.atr_timeframe))),
        mode=mode,
    )
