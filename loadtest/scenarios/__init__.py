"""The scenarios: named, frozen, and the same for everybody who runs them."""
