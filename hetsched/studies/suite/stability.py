"""Whether the order of the policies depends on single scenarios, and whether it holds on other
scenarios, in words."""

from collections.abc import Mapping, Sequence

from hetsched.errors import counted

Order = Sequence[str]


def without_one(order: Order, order_without: Mapping[str, Order]) -> str:
    """A sentence on `order_without`: by left-out scenario, the orders that differ."""
    if not order_without:
        return "the order stays whichever scenario is left out"
    first = min(_first_moved(order, other) for other in order_without.values())
    names = ", or without ".join(order_without)
    return f"the order changes from place {first + 1} on without {names}"


def on_held_out(order: Order, other: Order, scenarios: int) -> str:
    """A sentence on `other`: the order of the same policies on the held-out scenarios."""
    number = counted(scenarios, "scenario")
    if other == order:
        return f"the order holds on the {number} that are held out"
    place = _first_moved(order, other)
    return f"on the {number} that are held out the order is another one from place {place + 1} on: {', '.join(other)}"


def _first_moved(order: Order, other: Order) -> int:
    return next(place for place, (one, two) in enumerate(zip(order, other, strict=True)) if one != two)
