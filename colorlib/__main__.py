"""The command `colorlib`, where its script is not on the path: python -m colorlib"""

import sys

from colorlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
