"""Run the command line by `python -m kregzoo.cli`."""

import sys

from kregzoo.cli import main

sys.exit(main())
