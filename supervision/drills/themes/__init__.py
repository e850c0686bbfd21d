"""The drills, by theme. ``drill.py`` lists these modules; each registers its drills."""
