"""Where trials' states are kept: snapshots in Ray's object store, files in the run's folder."""
