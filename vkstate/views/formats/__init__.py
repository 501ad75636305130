"""How keys are handed out: one module for each format, each of them a function from a handout to text."""
