"""No key lost, doubled, orphaned or leaked, whatever happens: vkstate broken in every way that could be thought of."""
