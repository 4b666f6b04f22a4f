"""Runs `python -m worker.training train` and `python -m worker.training evaluate`."""

from worker.training.cli import main

if __name__ == "__main__":
    main()
