"""The command ``scatterfall``: the same program as its Rust executable."""

import signal
import sys

from . import _native


def main() -> int:
    """Run the command line of this process; return its exit status."""
    # The program takes Ctrl-C itself and stops between files.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["scatterfall", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
