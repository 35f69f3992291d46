"""`python -m hetsched`."""

import sys

from hetsched.start import start

if __name__ == "__main__":
    sys.exit(start())
