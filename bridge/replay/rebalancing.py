"""Plans of rebalancing in a replay: the targets, and when a plan to reach them is begun."""

from dataclasses import dataclass
from pathlib import Path

from bridge.errors import ReplayError
from bridge.protocol.messages import TargetInfo
from bridge.rebalance_targets import read_targets, target_infos
from bridge.replay.digest import digest
from bridge.replay.ticks import TickSource
from bridge.settings import AccountSettings

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalancing:
    """Target weights, and after how many days of market time a new plan to reach them begins; 0: there is only one."""

    file: str
    """The file's name with a digest: of other targets it is another text."""
    targets: tuple[TargetInfo, ...]
    every_days: int = 0

    def due(self, now_ms: int, begun_ms: int | None) -> bool:
        """Whether a plan is to begin now, if the last one began then."""
        if begun_ms is None:
            return True
        return self.every_days > 0 and now_ms - begun_ms >= self.every_days * _DAY_MS


def read_rebalancing(path: Path, every_days: int, source: TickSource, settings: AccountSettings) -> Rebalancing:
    """The targets of a `.toml` or `.csv` file, which the replay can all trade. Raises ConfigError and ReplayError."""
    if settings.positions.rebalance is None:
        raise ReplayError(
            f"{path} needs rules of rebalancing, and account {settings.login} has none: set "
            'rebalance = "positions/rebalance.toml" in its table in bridge.toml, and name that folder with --config'
        )
    found = read_targets(path)
    names = [each.symbol for each in found]
    if lacking := [name for name in names if name not in source.symbols]:
        raise ReplayError(f"{path}: {', '.join(lacking)} is not recorded, there are {', '.join(source.symbols)}")
    if unknown := [name for name in names if settings.symbols.find(name) is None]:
        raise ReplayError(f"{path}: {', '.join(unknown)} matches no pattern of the account's symbols file")
    return Rebalancing(file=f"{path.name} ({digest(path)})", targets=tuple(target_infos(found)), every_days=every_days)
