"""A run on Ray Tune: the driver decides what trains where, and one actor per worker trains."""
