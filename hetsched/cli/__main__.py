"""The entry point of `python -m hetsched.cli`."""

import sys

from hetsched.start import start

if __name__ == "__main__":
    sys.exit(start())
