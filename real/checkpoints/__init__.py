"""The states of trials: snapshots in Ray's object store, and files in the run's folder."""
