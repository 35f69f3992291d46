"""`python -m hetsched`."""

import sys

from hetsched.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
