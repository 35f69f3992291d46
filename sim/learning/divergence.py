"""Which recordings have diverged, although all of their scores are finite."""

from sim.learning.recordings import Recording

FAR = 1000.0
"""A score that is so many times as large as the untrained network's is of a trial that has
diverged."""


def has_diverged(recording: Recording) -> bool:
    """Whether some score is far beyond the score of the untrained network, whatever its sign. A
    score of 0 at the start says nothing."""
    first, *others = (abs(line.score) for line in recording.evaluations)
    return first > 0 and any(score > FAR * first for score in others)
