"""From ``vkstate.yaml`` to desired keys: reading, interpolation, validation, expansion; every error with its place."""
