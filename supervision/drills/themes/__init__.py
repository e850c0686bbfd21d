"""The drills that fit any application, by what they are about."""
