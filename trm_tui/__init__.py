"""The terminal app. It never imports torch: the model runs in a worker process."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Read `__version__` from the installed package on first use, not at import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("trm-tui")
    except PackageNotFoundError:
        return "0+unknown"
