"""The packages of trm-router: those of trm_engine that need no torch."""

from setuptools import find_packages, setup

HEAVY = ("inspection", "label_errors", "models", "sweeps", "training")

setup(
    package_dir={"": ".."},
    packages=find_packages(
        "..",
        include=["trm_engine", "trm_engine.*"],
        exclude=[f"trm_engine.{name}{part}" for name in HEAVY for part in ("", ".*")],
    ),
    package_data={"trm_engine": ["py.typed"]},
    options={"egg_info": {"egg_base": "."}},
)
