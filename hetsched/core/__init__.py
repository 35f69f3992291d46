"""The kernel: events, the state they add up to, the view that policies get, and the dispatcher that
asks policies."""
