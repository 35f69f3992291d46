"""The Ray backend, and what it trains: models, data, training, and the profiler that measures
them."""
