"""The nodes of a Ray cluster: started on this machine or joined, matched with the scenario's, and
watched."""
