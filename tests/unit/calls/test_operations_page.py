"""docs/operations.md names every setting and metric that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.adapters.media_metrics import MediaMetrics
from bridge.adapters.metrics import BridgeMetrics
from bridge.adapters.settings import BridgeSettings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text()


def test_every_setting_is_described() -> None:
    described = set(re.findall(r"BRIDGE_[A-Z0-9_]+", PAGE)) - {"BRIDGE_"}
    assert described == {f"BRIDGE_{name.upper()}" for name in BridgeSettings.model_fields}


def test_every_metric_is_described() -> None:
    metrics = BridgeMetrics()
    metrics.table_sizes(lambda: (0, 0))
    metrics.registry.register(MediaMetrics(lambda: ()))
    described = set(re.findall(r"trunkline_[a-z_]+", PAGE))
    exposed = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in metrics.registry.collect()
    }
    assert described == exposed
