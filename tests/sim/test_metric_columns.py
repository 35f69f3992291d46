"""The metric of a file of recordings may have any name that no other column has."""

from pathlib import Path

import pytest

from hetsched.errors import InputError
from sim.learning.recordings import read_recordings

METRICS = """recording,model,dataset,batch_size,seed,iteration,lr,{}
a,m,d,8,0,0,0.1,0.25,0.5
"""


@pytest.mark.parametrize("metric", ["others", "score", "kind", "given"])
def test_a_metric_may_have_any_name_of_its_own(metric: str, tmp_path: Path) -> None:
    """`others` was taken for a dictionary, and `score` for another name of the metric."""
    file = tmp_path / "r.csv"
    for columns, value in ((f"{metric},f1", 0.25), (f"f1,{metric}", 0.5)):
        file.write_text(METRICS.format(columns))
        for name, score in ((metric, value), ("f1", 0.75 - value)):
            [recording] = read_recordings(file, metric=name)
            assert recording.final_score == score
        found = ", ".join(map(repr, columns.split(",")))
        with pytest.raises(InputError, match=f"has no column 'accuracy', and has {found}: say which"):
            read_recordings(file)
