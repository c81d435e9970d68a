"""`python -m cyclefree`: see `cyclefree.cli`."""

from __future__ import annotations

import sys

from cyclefree.cli import main

if __name__ == "__main__":
    sys.exit(main())
