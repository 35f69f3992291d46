"""The entry point of `python -m hetsched.cli`."""

import sys

from hetsched.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
