"""No learning model: a simulation without scores, for times only."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hetsched.domain.workload import TrialKind


class Unknown:
    """Trials have no scores. PBT ranks them by lot, and no stop score is reached."""

    def assumed(self, kinds: Collection[TrialKind]) -> Iterator[str]:
        """That ranks are random, and best scores unknown."""
        models = list(dict.fromkeys(kind.model for kind in kinds))
        if models:
            yield (
                f"nothing is known of how {', '.join(models)} {'learn' if len(models) > 1 else 'learns'}: trials are "
                "ranked by lot; best scores are not predicted"
            )

    def fresh(self, kind: TrialKind) -> None:
        return None

    def train(self, weights: None, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int) -> None:
        return None

    def score(self, weights: None, normal: float) -> None:
        return None

    def lot(self, normal: float) -> float:
        return normal
