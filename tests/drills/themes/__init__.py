"""Drills about the application made for drills: ``--themes tests.drills.themes``."""

from tests.drills.stage import AppStage

__all__ = ["AppStage"]
