"""The target `aws`: a deployed stack, found by its outputs, guarded, and left as it was."""
