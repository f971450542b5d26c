"""Whether every row of a run is where it must be: what was found against what the generator knows."""
