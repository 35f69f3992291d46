"""A run on Ray Tune: the driver decides what trains where, an actor per worker trains."""
