"""`python -m fungrad`: a derivative, a training run on handwritten digits, the cost of a step."""

import sys

from fungrad.demo.command_line import main

if __name__ == "__main__":
    sys.exit(main())
