"""A scheduler and a callback for scripts that use Ray Tune: `from hetsched.tune import
HeterogeneousPBT, Profiler`."""
