"""Routes calls over 100,000 trunks and 100,000 rules: time of one decision, memory, and loading from items.

Three layouts: one rule for each trunk, all rules on one trunk told apart by the called number, and by the
caller's. Run as `python -m benchmarks.matching`.
"""

from __future__ import annotations

import gc
import random
import resource
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from trunking.aws.items import (
    Item,
    StoredTrunk,
    rule_attributes,
    stored_rule,
    stored_trunk,
    to_item,
    trunk_attributes,
)
from trunking.routing import InboundCall, Rejection, Route, RoutingIndex
from trunking.routing_rule import CallerConfig, DirectRouting, RoutingRule
from trunking.trunk import Trunk

COUNT = 100_000
CALLS = 20_000
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLER = "+12125550100"


def number(index: int) -> str:
    """A number of its own."""
    return f"+1555{index:07}"


def trunk(index: int) -> Trunk:
    """A trunk with one number."""
    return Trunk(f"trunk-{index}", "app", f"Trunk {index}", (number(index),), f"user{index}", (), NOW, NOW)


def rule(
    index: int, trunk_id: str, called: tuple[str, ...] = (), caller: tuple[str, ...] = ()
) -> RoutingRule:
    """A rule whose ids are templates."""
    return RoutingRule(
        id=f"rule-{index}",
        application_id="app",
        name=f"Rule {index}",
        trunk_ids=(trunk_id,),
        caller=CallerConfig("phone-{{caller_number}}", {"line": "{{called_number}}"}),
        created_at=NOW,
        updated_at=NOW,
        called_numbers=called,
        caller_numbers=caller,
        direct_routing=DirectRouting("default", "call-{{uuid}}"),
    )


def call(called: str, caller: str = CALLER) -> InboundCall:
    """One SIP call."""
    return InboundCall(called, caller, "call-id", NOW, "11111111-2222-3333-4444-555555555555")


def layouts() -> dict[str, Callable[[list[Trunk]], tuple[list[RoutingRule], Callable[[int], InboundCall]]]]:
    """Rules, and a call that the rule of an index takes."""
    return {
        "a rule for each trunk": lambda trunks: (
            [rule(index, each.id) for index, each in enumerate(trunks)],
            lambda index: call(number(index)),
        ),
        "all on one trunk, by called number": lambda trunks: (
            [
                *(rule(index, trunks[0].id, (number(index),)) for index in range(COUNT - 100)),
                *(rule(COUNT - index, trunks[0].id, (f"+1{index}*",)) for index in range(100, 0, -1)),
            ],
            lambda index: call(number(index)),
        ),
        "all on one trunk, by caller": lambda trunks: (
            [rule(index, trunks[0].id, (), (number(index),)) for index in range(COUNT)],
            lambda index: call("+15550000000", number(index)),
        ),
    }


def measure(
    name: str, trunks: list[Trunk], rules: list[RoutingRule], made: Callable[[int], InboundCall]
) -> None:
    """Print the time of one decision."""
    by_number = {each: found for found in trunks for each in found.numbers}
    index = RoutingIndex(rules)
    chosen = random.Random(1)
    calls = [made(chosen.randrange(COUNT - 100)) for _ in range(CALLS)]
    one_trunk = name.startswith("all")
    began = time.perf_counter()
    index.resolve(calls[0], trunks[0])
    first = time.perf_counter() - began
    times: list[int] = []
    routed = 0
    for each in calls:
        start = time.perf_counter_ns()
        taken = trunks[0] if one_trunk else by_number[each.called_number]
        decision = index.resolve(each, taken)
        times.append(time.perf_counter_ns() - start)
        routed += isinstance(decision, Route)
    assert routed == CALLS, "every call has its rule"
    times.sort()
    median, late = statistics.median(times) / 1000.0, times[int(CALLS * 0.99)] / 1000
    print(f"{name}: median {median:.1f} us, p99 {late:.1f} us, first {first * 1000:.1f} ms")
    began = time.perf_counter()
    assert isinstance(
        index.resolve(call("+440000000000"), Trunk("x", "app", "x", (), "x", (), NOW, NOW)), Rejection
    )
    print(f"  no rule: {(time.perf_counter() - began) * 1e6:.1f} us")


def memory_megabytes() -> float:
    """The resident set of this process, now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def items() -> list[Item]:
    """What a snapshot's query returns."""
    found: list[Item] = []
    for index in range(COUNT):
        each = trunk(index)
        found.append(
            to_item({"pk": "APP#app", "sk": f"TRUNK#{each.id}", **trunk_attributes(StoredTrunk(each, "v"))})
        )
    for index in range(COUNT):
        made = rule(index, f"trunk-{index}")
        found.append(to_item({"pk": "APP#app", "sk": f"RULE#{made.id}", **rule_attributes(made)}))
    return found


def load() -> None:
    """Print the time from items to a table that can route, and what it takes."""
    fetched = items()
    gc.collect()
    before = memory_megabytes()
    began = time.process_time()
    trunks: list[Trunk] = []
    rules: list[RoutingRule] = []
    for item in fetched:
        if item["sk"]["S"].startswith("TRUNK#"):
            trunks.append(stored_trunk(item).trunk)
        else:
            rules.append(stored_rule(item))
    by_number = {each: found for found in trunks for each in found.numbers}
    index = RoutingIndex(rules)
    elapsed = time.process_time() - began
    gc.collect()
    print(f"load of {len(trunks)} trunks and {len(index)} rules from items: {elapsed:.1f} s of one processor")
    print(f"memory of the table: {memory_megabytes() - before:.0f} MB ({len(by_number)} numbers)")


def main() -> None:
    """Run it all."""
    load()
    gc.collect()
    trunks = [trunk(index) for index in range(COUNT)]
    for name, layout in layouts().items():
        rules, made = layout(trunks)
        gc.collect()
        gc.freeze()
        measure(name, trunks, rules, made)


if __name__ == "__main__":
    main()
