"""The terminal app: everything a person sees. Never imports torch; the model lives in a worker."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Reads `__version__` from the installed package when it is asked for, not at import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("trm-tui")
    except PackageNotFoundError:
        return "0+unknown"
