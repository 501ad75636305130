"""The client of a LiteLLM proxy: its HTTP API on one side, vkstate's own nouns on the other."""
