"""Carries out a plan: exactly once, whatever happens to the answers."""
