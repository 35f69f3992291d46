"""The version of hetsched that is installed: pyproject.toml says it, and nothing else does."""

from importlib.metadata import version

__version__ = version("hetsched")
