"""What the simulator imports: each command that simulates waits for it."""

import subprocess
import sys


def test_the_simulator_does_not_import_scipy() -> None:
    """A constant from a module of intervals brought SciPy, which takes longer than a run of the
    demo."""
    code = "import sys, sim.engine; print(sorted({name.split('.')[0] for name in sys.modules} & {'scipy', 'pandas'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
