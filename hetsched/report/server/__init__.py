"""The server of `hetsched serve`: the runs of a folder as pages, for the user of this machine
only."""
