"""How many examples a property that takes long is tried with: half of what the profile says."""

from hypothesis import settings

HALF = settings(max_examples=settings().max_examples // 2)
