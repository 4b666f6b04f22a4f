"""The commands of `kadr` that make the catalogue move; `worker.cli` puts them together."""
