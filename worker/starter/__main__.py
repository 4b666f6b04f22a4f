"""The commands: ``python -m worker.starter train`` and ``python -m worker.starter evaluate``."""

from worker.starter.commands import main

if __name__ == "__main__":
    main()
